"""Bugs of what is compared: places, tokens, labels, blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from sad.align import vocab
from sad.batch import ATTENTION, Sum
from sad.data import batches
from sad.distiller import Distiller
from sad.losses import attention
from sad.models import forward
from sad.terms import TERMS, teacher
from sickened.fault import Fault, World
from sickened.steps import LOOKED_AT

PACKED = {"train": {"packing": True}}
ATTENDED = World({"terms": {"attention": {"weight": 0.5}}})
AGAINST = ("teacher-does-not-match", "kd-stays", "lm-rises-while-kd-falls")
"""What is said of a teacher that answers another question."""


def by_number(_right: Any) -> Any:
    """Position i of one is compared with position i of the other, up to the end of the shorter."""
    return lambda states, at: states[at.row, at.student.clamp(max=states.shape[1] - 1)]


def one_before(_right: Any) -> Any:
    return lambda states, at: states[at.row, (at.teacher - 1).clamp(min=0)]


def by_id(_right: Any) -> Any:
    return lambda student, teacher: [i if i < student.size else vocab.UNMAPPED for i in range(teacher.size)]


def twice(right: Any) -> Any:
    """Labels are shifted by the collator, and once more by the loss."""

    def targets(some: Iterable[Any], *more: Any) -> Any:
        found = right(some, *more)
        return type(found)(found.row, found.position, torch.roll(found.token, -1))

    return targets


def block_before(_right: Any) -> Any:
    """What a block is given, in the place of what it hands on: entry i of the hidden states, taken for block i."""

    def keep(kept: Any, block: int) -> Any:
        def hook(_module: Any, inputs: Any, _output: Any) -> None:
            kept[block] = inputs[0]

        return hook

    return keep


def causal_alone(_right: Any) -> Any:
    """Packed texts see one another."""

    def mask(text: torch.Tensor) -> torch.Tensor:
        length = text.shape[1]
        return torch.ones(length, length, dtype=torch.bool).tril().expand(len(text), 1, length, length)

    return mask


def evaluation_mode(right: Any) -> Any:
    """A pass of the teacher leaves the student in evaluation mode."""

    def ask(self: Distiller, *given: Any) -> Any:
        self.eval()
        return right(self, *given)

    return ask


def of_probabilities(right: Any) -> Any:
    """Probabilities are divided by a temperature of 4 and put through a softmax, hidden places too."""
    return lambda *given: torch.log_softmax(right(*given).exp() / 4.0, dim=-1)


def over_no_maps(_right: Any) -> Any:
    """The maps of both models are zipped, and there are none."""
    return lambda view: Sum(0.0 * view.student.hidden.sum(), len(view.batch.boundaries))


def left_out(right: Any) -> Any:
    """The term is left out where there are no maps."""

    def made(self: Distiller, *given: Any, **more: Any) -> None:
        right(self, *given, **more)
        self.names = tuple(name for name in self.names if name != ATTENTION)

    return made


FAULTS = (
    Fault(
        "V102", "compared by position, cut to the shorter", ((teacher, "teacher_rows", by_number),), AGAINST, LOOKED_AT
    ),
    Fault(
        "V112",
        "the block before",
        ((forward, "_keep", block_before),),
        unseen="the states of another block can be learned as well",
    ),
    Fault(
        "V113",
        "tokens matched by id",
        ((vocab, "first_tokens", by_id),),
        AGAINST,
        LOOKED_AT,
        unseen="a third of the ids are the same tokens: the curves are those of a sound run within 5%",
    ),
    Fault(
        "V304",
        "packed texts see each other",
        ((forward, "block_mask", causal_alone),),
        (),
        World(PACKED),
        unseen="both models see the other texts, and agree as well as before",
    ),
    Fault("V305", "labels shifted twice", ((batches, "_targets", twice),), AGAINST, LOOKED_AT),
    Fault("V313", "the teacher's answers one place off", ((teacher, "teacher_rows", one_before),), AGAINST, LOOKED_AT),
    Fault(
        "V602",
        "no dropout after the teacher's pass",
        ((Distiller, "ask_teacher", evaluation_mode),),
        unseen="a run without dropout looks so, and is sound",
    ),
    Fault(
        "V603",
        "a softmax of what has been through one",
        ((attention, "_relations", of_probabilities),),
        ("term-vanishes", "term-stays"),
        ATTENDED,
    ),
    Fault("V604", "a sum over no maps", ((TERMS, ATTENTION, over_no_maps),), ("term-vanishes",), ATTENDED),
    Fault("V604", "no maps, no term", ((Distiller, "__init__", left_out),), ("term-vanishes",), ATTENDED),
)
