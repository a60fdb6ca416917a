"""Padding counts in every term: labels are a copy of the padded input, and the other terms are means over all places

## Symptom
The terms' sizes, and so their shares, depend on how much padding a batch has. The student learns to continue padding.

## Mechanism
`labels = input_ids.clone()` makes a label of every padding mark. The divergence, the distance of the states and that of
their change from layer to layer are `.mean()` over the whole batch: padding adds to them what two models happen to make
of it, and to their denominators.

## What its documented fix did
It masks all four.

## Fix
Every term gets rows at listed places (`sad/terms/`); a place of padding is never listed, so that there is nothing to
mask. Terms are sums, divided once by the units that were counted (`sad/objective.py`).

## Source
peremartra/optipfair 34; ServiceNow/Fast-LLM 344 and 423; WrinkleFree 56.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants._models import teacher
from sad.invariants.batch_composition import batch_composition
from sad.shipped.text_loss import distillation_loss
from sad.subjects.text_loss import Marks, Text, TextLoss, padded

Term = Callable[[Any, Any, Tensor], Tensor]
"""Both models' outputs and the padded ids -> a term."""


def buggy() -> TextLoss:
    """All four terms."""
    return _loss(*TERMS.values())


fixed = distillation_loss
"""The objective that trains, which has no term on the change of states."""


def _loss(*terms: Term) -> TextLoss:
    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        ids = padded([text.ids for text in texts], marks.pad)
        given = {
            "input_ids": ids,
            "attention_mask": padded([[1] * len(text.ids) for text in texts], 0),
            "output_hidden_states": True,
        }
        with torch.no_grad():
            theirs = teacher()(**given)
        mine = model(**given)
        return torch.stack([term(mine, theirs, ids) for term in terms]).sum()

    return loss


def _language_model(mine: Any, _: Any, ids: Tensor) -> Tensor:  # noqa: ANN401 - outputs of transformers
    return F.cross_entropy(mine.logits[:, :-1].flatten(0, 1), ids.clone()[:, 1:].flatten())


def _divergence(mine: Any, theirs: Any, _: Tensor) -> Tensor:  # noqa: ANN401
    log_q, log_p = mine.logits.log_softmax(-1), theirs.logits.log_softmax(-1)
    return F.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1).mean()


def _trajectory(mine: Any, theirs: Any, _: Tensor) -> Tensor:  # noqa: ANN401
    return _apart(mine.hidden_states[-1], theirs.hidden_states[-1])


def _derivative(mine: Any, theirs: Any, _: Tensor) -> Tensor:  # noqa: ANN401
    return _apart(*(out.hidden_states[-2] - out.hidden_states[-3] for out in (mine, theirs)))


def _apart(student: Tensor, teacher: Tensor) -> Tensor:
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()


TERMS: dict[str, Term] = {
    "in the language-model term alone": _language_model,
    "in the divergence alone": _divergence,
    "in the states alone": _trajectory,
    "in their change over layers alone": _derivative,
}

BUG = Bug(
    "V306",
    "padding-counts-in-every-term",
    __doc__,
    (batch_composition,),
    buggy,
    fixed,
    variants={name: partial(_loss, term) for name, term in TERMS.items()},
    covers=("B05",),
)
