"""The target is made with the student's embedding, and is not detached

## Symptom
KD falls faster than the student learns. Its gradient is not that of any divergence to the teacher.

## Mechanism
The teacher's states are brought to the student's vocabulary by the student's own embedding, and the result is the
target of the KD. The embedding is trained, and nothing detaches the target: one part of the gradient teaches the
student, the other moves the target to where the student already is.

## What its documented fix did
There was none: falling values were read as learning.

## Fix
The teacher's distribution goes over by a fixed map of tokens, the teacher runs without gradients, and each loss
detaches its target (`sad/align/vocab.py`, `ask_teacher` in `sad/distiller.py`, `sad/losses`); the pass over the
vocabulary has no gradient to the teacher's side at all (`sad/head/vocabulary.py`).

## Source
rakeshb49/student_aware_distillation, TeacherToStudentLogitProjector; open-mmlab/mmrazor#100; E01 of the catalogue of
real bugs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants.target_gets_no_gradient import Compared, Transfer, target_gets_no_gradient
from sad.shipped.transfer import shipped_transfer

ROWS, WIDTH, TEACHER_WIDTH, VOCABULARY = 12, 16, 32, 40


class _Student(nn.Module):
    """A state for each row, a norm, and an embedding that is its head too."""

    def __init__(self) -> None:
        super().__init__()
        self.states = nn.Parameter(torch.randn(ROWS, WIDTH))
        self.norm = nn.RMSNorm(WIDTH)
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)


def _kl(prediction: Tensor, target: Tensor) -> Tensor:
    return F.kl_div(prediction.log_softmax(-1), target.log_softmax(-1), reduction="batchmean", log_target=True)


def buggy() -> Transfer:
    """KD against the teacher's states read by the student's embedding."""
    student, teacher, project = _parts()

    def compare() -> Mapping[str, Compared]:
        head = student.embedding.weight.T
        prediction, target = student.norm(student.states) @ head, project(teacher) @ head
        return {"kd": Compared(_kl(prediction, target), prediction, target, _kl)}

    return Transfer([*student.parameters()], compare)


def shared_norm() -> Transfer:
    """States of both compared behind the student's own norm."""
    student, teacher, project = _parts()
    projected = project(teacher).detach()

    def compare() -> Mapping[str, Compared]:
        prediction, target = student.norm(student.states), student.norm(projected)
        return {"layerwise": Compared(F.mse_loss(prediction, target), prediction, target, F.mse_loss)}

    return Transfer([*student.parameters()], compare)


def _parts() -> tuple[_Student, Tensor, nn.Linear]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _Student(), torch.randn(ROWS, TEACHER_WIDTH), nn.Linear(TEACHER_WIDTH, WIDTH)


fixed = shipped_transfer
VARIANTS = {"both sides behind the student's norm": shared_norm}

BUG = Bug(
    "V601",
    "target-leans-on-the-student",
    __doc__,
    (target_gets_no_gradient,),
    buggy,
    fixed,
    variants=VARIANTS,
    covers=("E01",),
)
