"""A text as two models saw it, and sums over many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A text as both models saw it. ``places`` are pairs of positions (student, teacher) after the same bytes."""

    student: list[int]
    teacher: list[int]
    places: list[tuple[int, int]]
    bytes: int
    logits: Tensor
    """[student position, row]"""
    asked: Tensor
    """The teacher's, [teacher position, row]."""
    states: list[tuple[Tensor, Tensor]]
    """For each pair of blocks [place, width] and [place, teacher_width]."""
    depths: list[Tensor]
    """For each block of the teacher [place, teacher_width]."""
    attended: list[list[tuple[Tensor, Tensor]]]
    """For each pair of blocks whose attention is compared: queries, keys and values [place, width], or one map
    [head, position, position], the student's and the teacher's.
    """


@dataclass(slots=True)
class Sums:
    """Totals and units by name; a number is one over the other."""

    total: dict[str, Any] = field(default_factory=lambda: defaultdict(float))
    units: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, name: str, total: Tensor | float, units: int) -> None:
        """Add a sum over some units."""
        self.total[name] = self.total[name] + total
        self.units[name] += units

    def means(self) -> dict[str, Any]:
        """Every total over its units."""
        return {name: total / self.units[name] for name, total in self.total.items()}
