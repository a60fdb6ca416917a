"""Float columns that grow by appending; a snapshot costs what is new, not what is there."""

from __future__ import annotations

from array import array
from math import nan

import numpy as np

from sad_doctor.run import Column, Floats

MOST_COLUMNS = 2000
_BATCH = 8192


class GrowingColumn:
    """One metric under construction.

    Snapshots are read-only views of the buffers. A point that a snapshot already shows is never written over: the
    buffers are copied first.
    """

    __slots__ = ("_column", "_new_steps", "_new_values", "_shown", "_size", "_steps", "_values", "last_step")

    def __init__(self) -> None:
        self.last_step = nan
        self._new_steps = array("d")
        self._new_values = array("d")
        self._steps: Floats = np.empty(0)
        self._values: Floats = np.empty(0)
        self._size = 0
        self._shown = 0
        self._column: Column | None = None

    def __len__(self) -> int:
        return self._size + len(self._new_steps)

    def append(self, step: float, value: float) -> None:
        """Add a point at the end, whatever its step."""
        self._new_steps.append(step)
        self._new_values.append(value)
        self.last_step = step
        if len(self._new_steps) >= _BATCH:
            self._flush()

    def replace(self, step: float, value: float) -> None:
        """Add a point; one with the same step at the end gives way to it."""
        if step == self.last_step:
            self._cut(len(self) - 1)
        self.append(step, value)

    def rewind(self, step: float, value: float) -> None:
        """Add a point; all points from its step on give way to it. Steps must only ever have come by this method."""
        if step <= self.last_step:
            self._flush()
            self._cut(int(np.searchsorted(self._steps[: self._size], step)))
        self.append(step, value)

    def column(self) -> Column:
        """Return the column as it is now; the same object as before if nothing was added."""
        if self._new_steps:
            self._flush()
        if self._column is None or len(self._column) != self._size:
            steps, values = self._steps[: self._size], self._values[: self._size]
            steps.flags.writeable = values.flags.writeable = False
            self._column = Column(steps, values)
            self._shown = max(self._shown, self._size)
        return self._column

    def _flush(self) -> None:
        size = self._size + len(self._new_steps)
        if size > self._steps.size:
            self._reserve(max(16, size + size // 2))
        self._steps[self._size : size] = self._new_steps
        self._values[self._size : size] = self._new_values
        self._size = size
        del self._new_steps[:], self._new_values[:]

    def _reserve(self, capacity: int) -> None:
        steps, values = np.empty(capacity), np.empty(capacity)
        steps[: self._size] = self._steps[: self._size]
        values[: self._size] = self._values[: self._size]
        self._steps, self._values, self._shown = steps, values, 0

    def _cut(self, length: int) -> None:
        if length >= self._size:
            del self._new_steps[length - self._size :], self._new_values[length - self._size :]
        else:
            del self._new_steps[:], self._new_values[:]
            self._size = length
            self._column = None
            if self._shown > length:
                self._reserve(self._steps.size)


class Columns:
    """The columns of a run by name, at most ``MOST_COLUMNS`` of them."""

    def __init__(self) -> None:
        self.full = False
        self._columns: dict[str, GrowingColumn] = {}

    def named(self, name: str) -> GrowingColumn | None:
        """Return the column ``name``, made if need be; None if there are too many already."""
        column = self._columns.get(name)
        if column is None:
            if len(self._columns) >= MOST_COLUMNS:
                self.full = True
                return None
            column = self._columns[name] = GrowingColumn()
        return column

    def snapshot(self) -> dict[str, Column]:
        """Return all columns as they are now, in the order in which they came."""
        return {name: column.column() for name, column in self._columns.items()}
