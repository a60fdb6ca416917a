"""Half and float meet in one product: a cast reaches the student's tied embedding

## Symptom
Training runs, under autocast. The final evaluation crashes in the student's head: `expected mat1 and mat2 to have the
same dtype` in one version of torch, `m1 and m2` in another, `but got: float != c10::Half`.

## Mechanism
A projector keeps the student's input embedding as an attribute, so torch registers it as a submodule. Then the
projector is cast to the teacher's half precision. `.to()` works in place and on everything below, and the embedding
is tied to the head: a fifth of that student changes its dtype, and no line of the code that casts mentions it.

## What its documented fix did
The cast was itself the fix, of a mismatch between the projector and the teacher's half-precision states. Evaluating
under autocast would hide the crash and keep an embedding that is trained in 11 bits. A copy of the embedding instead
of the embedding itself is the next form: the cast does not reach the student, and the tie is lost.

## Fix
Projectors own their layers and nothing else, in float32 (`sad/distiller.py`). The teacher's states are brought to
float32 where they are compared; products with a head come out in float32 (`sad/head/products.py`). Nobody casts the
student.

## Source
rakeshb49/student_aware_distillation, models/distillation_framework.py; S04 of the catalogue of real bugs.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from sad import tiny
from sad.bug import Bug
from sad.invariants.dtype_and_sharing import Wrap, dtype_and_sharing
from sad.models.forward import text_config
from sad.pair import Pair


class _Projector(nn.Module):
    """Maps the teacher's probabilities to student states, by way of the student's embedding."""

    def __init__(self, student: nn.Module, size: int) -> None:
        super().__init__()
        self.embedding = student.get_input_embeddings()  # type: ignore[operator]
        self.map = nn.Linear(size, self.embedding.weight.shape[0], bias=False)

    def forward(self, probabilities: Tensor) -> Tensor:
        states: Tensor = self.map(probabilities) @ self.embedding.weight
        return states


def buggy() -> Wrap:
    """A projector that holds the embedding, cast to half precision."""

    def wrap(pair: Pair, _: str) -> None:
        projector = _Projector(pair.student, text_config(pair.teacher).vocab_size).to(torch.float16)
        projector(torch.full((1, text_config(pair.teacher).vocab_size), 0.01, dtype=torch.float16)).sum().backward()

    return wrap


def copied() -> Wrap:
    """The student gets a new embedding, and its head keeps the old one."""

    def wrap(pair: Pair, _: str) -> None:
        pair.student.set_input_embeddings(deepcopy(pair.student.get_input_embeddings()))  # type: ignore[operator]

    return wrap


def fixed() -> Wrap:
    """The training loop, for one step."""

    def wrap(pair: Pair, precision: str) -> None:
        changes = {"train": {"max_steps": 1}, "terms": {"contrastive": {"weight": 0.1}}}
        plan = tiny.plan(changes, of=pair)
        # in a folder, so that the student is written to it as well
        with TemporaryDirectory() as folder:
            tiny.train(replace(plan, precision=precision, held_out=plan.held_out[:1]), Path(folder))

    return wrap


BUG = Bug(
    "V107",
    "half-meets-float",
    __doc__,
    (dtype_and_sharing,),
    buggy,
    fixed,
    variants={"a copy that loses the tie": copied},
    covers=("S04",),
)
