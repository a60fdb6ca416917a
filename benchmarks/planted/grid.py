"""A cell of the grid: one part of the loop, and one way in which it goes wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from planted.grid_ways import Memory, Way
from planted.optimisation import Sick
from planted.record import Plan, Record, Trace
from planted.training import Training

PARTS = (
    *("texts", "reading", "labels", "teacher logits", "teacher states"),
    *("kd", "kd student", "kd teacher", "lm", "lm logits", "layerwise", "layerwise teacher"),
    *("weight kd", "weight lm", "weight layerwise", "weights"),
)


class Cell(Sick):
    """A training one of whose parts goes through a way.

    ``everywhere`` is a fault that the evaluation shares, as one of the loss or of the collation; else the training
    alone has it, as one of its loader or of what it remembers.
    """

    part: ClassVar[str] = ""
    everywhere: ClassVar[bool] = False
    changed: ClassVar[Mapping[str, Any]] = {}
    sound = False
    """Whether the fault is away for a moment."""

    @staticmethod
    def way(value: Tensor, _known: Memory, /) -> Tensor:
        """As it is, unless a fault says otherwise."""
        return value

    def planned(self, plan: Plan) -> Plan:
        self.known = Memory(plan.steps, torch.Generator().manual_seed(plan.seed))
        longer = self.changed.get("longer", 1)
        rest = {name: value for name, value in self.changed.items() if name != "longer"}
        self.known.steps = plan.steps * longer
        return replace(plan, steps=plan.steps * longer, **rest)

    def prepare(self) -> None:
        if self.part == "texts" and self.everywhere:
            self.held_out = self.changed_way(self.held_out)
        if self.part == "reading":
            inner = self.student.forward
            self.student.forward = lambda ids: inner(self.through("reading", ids))  # type: ignore[method-assign]

    def changed_way(self, value: Tensor) -> Tensor:
        return type(self).way(value, self.known)

    def through(self, part: str, value: Tensor) -> Tensor:
        """Return what is used in place of ``value``."""
        if part != self.part or self.sound or not (self.everywhere or self.student.training):
            return value
        return self.changed_way(value)

    def before(self, step: int) -> None:
        self.known.step = step

    def micro_batch(self, step: int) -> Tensor:
        return self.through("texts", super().micro_batch(step))

    def labels(self, ids: Tensor) -> Tensor:
        return self.through("labels", super().labels(ids))

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return self.through("teacher logits", logits), self.through("teacher states", states)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        found = super().kd(self.through("kd student", student), self.through("kd teacher", teacher))
        return self.through("kd", found)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return self.through("lm", super().lm(self.through("lm logits", student), labels))

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return self.through("layerwise", super().layerwise(student, self.through("layerwise teacher", teacher)))

    def weights(self, step: int) -> dict[str, float]:
        found = super().weights(step)
        chosen = found if self.part == "weights" else [self.part.removeprefix("weight ")]
        if not self.part.startswith("weight"):
            return found
        return found | {term: float(self.changed_way(torch.tensor(found[term]))) for term in chosen}

    def of_the_teacher(self) -> dict[str, float]:
        """The teacher is measured by itself: without the fault, unless the texts are what is wrong."""
        self.sound = True
        found = super().of_the_teacher()
        self.sound = False
        return found


def cell(
    name: str,
    doc: str,
    part: str,
    way: Way,
    *traces: Trace,
    everywhere: bool = False,
    took: Callable[[Record], bool] | None = None,
    **changed: object,
) -> type[Training]:
    """Return the kind of fault ``name``: ``part`` goes through ``way``; ``changed`` are settings of the plan."""
    if part not in PARTS:
        raise ValueError(f"no part {part}")
    inside: dict[str, object] = {
        "__doc__": doc,
        "__module__": __name__,
        "part": part,
        "way": staticmethod(way),
        "traces": traces,
        "everywhere": everywhere,
        "changed": changed,
    }
    if took is not None:
        inside["took"] = staticmethod(took)
    return type(name, (Cell,), inside)


def halves(kinds: Iterable[type[Training]]) -> tuple[tuple[type[Training], ...], tuple[type[Training], ...]]:
    """Return the kinds whose logs may be looked at, and those that are only judged: a coin, by the name."""
    ordered = sorted(kinds, key=lambda kind: hashlib.sha256(f"grid {kind.__name__}".encode()).digest())
    half = (len(ordered) + 1) // 2
    return tuple(ordered[:half]), tuple(ordered[half:])


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else float("nan")
