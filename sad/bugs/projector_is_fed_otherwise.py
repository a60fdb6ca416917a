"""The projector is trained on hidden states and evaluated on something else

## Symptom
"Knowledge retention" in the evaluation is a number near nothing, and moves at random while the training improves.

## Mechanism
The projector's `forward` takes hidden states or probabilities, whichever argument is given. Training gives hidden
states. The evaluation has logits at hand, and gives their softmax, which the projector turns into states by way of the
teacher's embedding: the same width, and another space. Nothing fails.

## What its documented fix did
There was none.

## Fix
One way: evaluation makes the same view of a batch as training and calls the same terms on it (`sad/evaluate.py`,
`sad/terms/`); a projector takes one kind of state (`sad/distiller.py`).

## Source
rakeshb49/student_aware_distillation, evaluation.py, compute_knowledge_retention; F03 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad import tiny
from sad.bug import Bug
from sad.invariants.one_path import Paths, one_path
from sad.shipped.paths import shipped_paths

STUDENT_WIDTH = 16


@dataclass(frozen=True, slots=True, eq=False)
class _Teacher:
    """What a teacher's pass gives: its last states, its logits, and its embedding."""

    hidden: Tensor
    logits: Tensor
    embedding: Tensor


def buggy() -> Paths:
    """The evaluation rebuilds states from probabilities."""
    return _paths(lambda teacher: teacher.logits.softmax(dim=-1) @ teacher.embedding)


def _paths(evaluated: Callable[[_Teacher], Tensor]) -> Paths:
    teacher = _teacher()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        projector = nn.Linear(teacher.hidden.shape[-1], STUDENT_WIDTH)
        # a student that has learned most of what the projector makes of the teacher's states
        learned = projector(teacher.hidden).detach()
        student = learned + 0.5 * learned.std() * torch.randn_like(learned)

    def distance(states: Tensor) -> Tensor:
        return 1 - F.cosine_similarity(student, projector(states), dim=-1).mean()

    return Paths(projector, lambda: distance(teacher.hidden), lambda: distance(evaluated(teacher)))


@torch.no_grad()
def _teacher() -> _Teacher:
    model = tiny.model(300, layers=2, width=32, seed=1, tie_word_embeddings=False).eval()
    out: Any = model(input_ids=torch.arange(2, 26)[None], output_hidden_states=True)
    return _Teacher(out.hidden_states[-1], out.logits, model.get_input_embeddings().weight.detach())  # type: ignore[operator]


fixed = shipped_paths

BUG = Bug("V605", "projector-is-fed-otherwise", __doc__, (one_path,), buggy, fixed, covers=("F03",))
