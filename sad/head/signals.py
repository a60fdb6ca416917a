"""Measurements beside the terms: entropies of both models, their agreement, the teacher's loss on the labels."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.losses.kd import Buckets

TEACHER_ENTROPY, STUDENT_ENTROPY = "teacher_entropy", "student_entropy"
AGREEMENT, TEACHER_NLL, LABELLED, MAPPED = "agreement", "teacher_nll", "labelled", "mapped"
HEARD = "heard"
NAMES = (TEACHER_ENTROPY, HEARD, STUDENT_ENTROPY, AGREEMENT, TEACHER_NLL, LABELLED, MAPPED)


def measured(
    student_logits: Float[Tensor, "n vocab"],
    target: Float[Tensor, "n vocab"] | Buckets,
    token: Int[Tensor, " n"] | None,
) -> dict[str, Float[Tensor, " n"]]:
    """Return each row's entropies, the teacher's negative log-likelihood of the label (nats), 1 where it gives the
    label any mass, 1 where it gives any token any (``HEARD``), and 1 where both rank the same token first. The target's
    log-probabilities need not be normalised. Without labels the likelihood is NaN. Of a label without mass it is 0, and
    so is the entropy of a row without mass, since infinity or NaN would hide all other rows in a sum: divide the sum by
    that of the rows with mass.

    Of buckets the entropy is that of the buckets, and a label outside the list has the likelihood of all that is
    outside: both are what the list knows, no more than the true ones.
    """
    log_q = torch.log_softmax(student_logits, dim=-1)
    first = student_logits.argmax(dim=-1)
    if isinstance(target, Buckets):
        mass = every = torch.cat([target.log_probs, target.tail[:, None]], dim=-1)
        nll = _nll_of_list(target, token)
        theirs = target.ids.gather(-1, target.log_probs.argmax(dim=-1, keepdim=True)).squeeze(-1)
    else:
        mass, every, theirs = target, torch.log_softmax(target, dim=-1), target.argmax(dim=-1)
        nll = None if token is None else -every.gather(-1, token[:, None]).squeeze(-1)
    nll = torch.full_like(log_q[:, 0], torch.nan) if nll is None else nll
    labelled = ~nll.isposinf()
    if token is not None and not isinstance(target, Buckets):
        # a row without any mass has no normalised one: its likelihood would be NaN
        labelled = ~target.gather(-1, token[:, None]).squeeze(-1).isneginf()
    heard = ~mass.amax(dim=-1).isneginf()
    return {
        TEACHER_ENTROPY: torch.where(heard, _entropy(every), 0.0),
        HEARD: heard.float(),
        STUDENT_ENTROPY: _entropy(log_q),
        AGREEMENT: (first == theirs).float(),
        TEACHER_NLL: torch.where(labelled, nll, 0.0),
        LABELLED: labelled.float(),
    }


def _nll_of_list(target: Buckets, token: Tensor | None) -> Tensor | None:
    if token is None:
        return None
    here = target.ids == token[:, None]
    return -torch.where(here.any(dim=-1), torch.where(here, target.log_probs, 0.0).sum(dim=-1), target.tail)


def _entropy(log_p: Tensor) -> Tensor:
    entropy: Tensor = torch.special.entr(log_p.exp()).sum(dim=-1)
    return entropy
