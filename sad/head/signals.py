"""Measurements beside the terms: entropies of both models, their agreement, the teacher's loss on the labels."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.losses.kd import Buckets

TEACHER_ENTROPY, STUDENT_ENTROPY = "teacher_entropy", "student_entropy"
AGREEMENT, TEACHER_NLL, MAPPED = "agreement", "teacher_nll", "mapped"
NAMES = (TEACHER_ENTROPY, STUDENT_ENTROPY, AGREEMENT, TEACHER_NLL, MAPPED)


def measured(
    student_logits: Float[Tensor, "n vocab"],
    target: Float[Tensor, "n vocab"] | Buckets,
    token: Int[Tensor, " n"] | None,
) -> dict[str, Float[Tensor, " n"]]:
    """Return each row's entropies, the teacher's negative log-likelihood of the label (nats), and 1 where both rank
    the same token first. The target's log-probabilities need not be normalised. Without labels the likelihood is NaN.

    Of buckets the entropy is that of the buckets, and a label outside the list has the likelihood of all that is
    outside: both are what the list knows, no more than the true ones.
    """
    log_q = torch.log_softmax(student_logits, dim=-1)
    first = student_logits.argmax(dim=-1)
    if isinstance(target, Buckets):
        every = torch.cat([target.log_probs, target.tail[:, None]], dim=-1)
        nll = _nll_of_list(target, token)
        theirs = target.ids.gather(-1, target.log_probs.argmax(dim=-1, keepdim=True)).squeeze(-1)
    else:
        every, theirs = torch.log_softmax(target, dim=-1), target.argmax(dim=-1)
        nll = None if token is None else -every.gather(-1, token[:, None]).squeeze(-1)
    return {
        TEACHER_ENTROPY: _entropy(every),
        STUDENT_ENTROPY: _entropy(log_q),
        AGREEMENT: (first == theirs).float(),
        TEACHER_NLL: torch.full_like(log_q[:, 0], torch.nan) if nll is None else nll,
    }


def _nll_of_list(target: Buckets, token: Tensor | None) -> Tensor | None:
    if token is None:
        return None
    here = target.ids == token[:, None]
    return -torch.where(here.any(dim=-1), torch.where(here, target.log_probs, 0.0).sum(dim=-1), target.tail)


def _entropy(log_p: Tensor) -> Tensor:
    entropy: Tensor = torch.special.entr(log_p.exp()).sum(dim=-1)
    return entropy
