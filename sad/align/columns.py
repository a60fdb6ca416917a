"""Examples as a few flat arrays: the form that is sent between processes and stored on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sad.align.example import Example
from sad.align.reader import Ints

LISTS = ("student", "teacher", "at_student", "at_teacher", "runs")
"""Columns of several numbers an example; the others hold one."""

Whole = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """``values[name]`` holds every example's numbers one after the other, those of example ``i`` from
    ``offsets[name][i]`` to ``offsets[name][i + 1]``, both int32. ``runs`` of no numbers stand for one run.
    ``bytes`` and ``labels`` count, for each example, the bytes of its labels and the student's labels.
    """

    values: dict[str, Whole]
    offsets: dict[str, Whole]
    bytes: Whole
    labels: Whole

    def __len__(self) -> int:
        return len(self.bytes)

    def example(self, row: int) -> Example:
        """Return one example, with int64 arrays of its own."""
        student, teacher, at_student, at_teacher, runs = (self._of(name, row) for name in LISTS)
        stretches = runs.reshape(-1, 4) if len(runs) else None
        return Example(student, teacher, at_student, at_teacher, int(self.bytes[row]), stretches)

    def _of(self, name: str, row: int) -> Ints:
        start, stop = self.offsets[name][row : row + 2].tolist()
        return self.values[name][start:stop].astype(np.int64)


def packed(some: Sequence[Example]) -> Columns:
    """Put examples into columns."""
    parts = {name: [getattr(one, name) for one in some] for name in LISTS[:-1]}
    parts["runs"] = [np.empty(0, np.int64) if one.runs is None else one.runs.reshape(-1) for one in some]
    sizes = {name: np.cumsum([0, *map(len, of)], dtype=np.int64) for name, of in parts.items()}
    return Columns(
        {n: np.concatenate([np.empty(0, np.int32), *of]).astype(np.int32) for n, of in parts.items()},
        {n: of.astype(np.int32) for n, of in sizes.items()},
        np.array([one.byte_count for one in some], dtype=np.int32),
        np.array([_label_count(one) for one in some], dtype=np.int32),
    )


def _label_count(one: Example) -> int:
    if one.runs is None:
        return len(one.student) - 1 - int(one.at_student[0])
    return int((one.runs[:, 1] - one.runs[:, 0]).sum())
