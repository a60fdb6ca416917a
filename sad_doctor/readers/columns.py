"""Float columns that grow by appending; the cost of a snapshot is that of what is new, not of what is there."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from math import nan

import numpy as np

from sad_doctor.readers.axis import Axes, Axis, grown
from sad_doctor.readers.naming import is_known
from sad_doctor.run import Column, Floats
from sad_doctor.sanitize import sanitize
from sad_doctor.signals.middle import median

MOST_COLUMNS = 2000
RESERVED = 500
"""Columns kept beyond the limit for metrics that a rule may use."""
_BATCH = 8192
_MOST_REWOUND = 64


class GrowingColumn:
    """One metric under construction.

    Snapshots are read-only views of the buffers. A point that a snapshot already shows is never written over: the
    buffer is copied first. ``scale`` is what values that come are multiplied by. The steps stand on an axis that other
    columns of ``axes`` may share. ``rewound`` holds the last step before each step that came back, that step, and the
    level before, the median of five.
    """

    __slots__ = (
        "_axes",
        "_axis",
        "_column",
        "_new_steps",
        "_new_values",
        "_shown",
        "_size",
        "_values",
        "last_step",
        "rewound",
        "scale",
    )

    def __init__(self, axes: Axes | None = None) -> None:
        self.scale = 1.0
        self.last_step = nan
        self.rewound: list[list[float]] = []
        self._new_steps = array("d")
        self._new_values = array("d")
        self._axes = axes or Axes()
        self._axis = self._axes.first()
        self._values: Floats = np.empty(0)
        self._size = 0
        self._shown = 0
        self._column: Column | None = None

    @classmethod
    def restored(cls, axes: Axes, axis: Axis, column: Column) -> GrowingColumn:
        """Return a column that goes on from what it was; ``axis`` holds its steps."""
        found = cls(axes)
        found._axis, found._values, found._size = axis, column.value, len(column)
        found.last_step = float(column.step[-1]) if len(column) else nan
        found._shown = found._size
        return found

    def __len__(self) -> int:
        return self._size + len(self._new_steps)

    def append(self, step: float, value: float) -> None:
        """Add a point at the end, whatever its step."""
        self._new_steps.append(step)
        self._new_values.append(value * self.scale)
        self.last_step = step
        if len(self._new_steps) >= _BATCH:
            self._flush()

    def extend(self, steps: Floats, values: Floats) -> None:
        """Add as many points at the end as there are steps and values, one at least."""
        self._flush()
        self._put(steps, values if self.scale == 1 else values * self.scale)
        self.last_step = float(steps[-1])

    def replace(self, step: float, value: float) -> None:
        """Add a point; one with the same step at the end gives way to it."""
        if step == self.last_step:
            self._cut(len(self) - 1)
        self.append(step, value)

    def rewind(self, step: float, value: float) -> None:
        """Add a point; all points from its step on give way to it. Steps must only ever have come by this method."""
        if step <= self.last_step:
            self._flush()
            if step < self.last_step and len(self.rewound) < _MOST_REWOUND:
                level = float(median(self._values[max(0, self._size - 5) : self._size]))
                self.rewound.append([self.last_step, step, level])
            self._cut(int(np.searchsorted(self._axis.first(self._size), step)))
        self.append(step, value)

    def column(self) -> Column:
        """Return the column as it is now; the same object as before if nothing was added."""
        if self._new_steps:
            self._flush()
        if self._column is None or len(self._column) != self._size:
            values = self._values[: self._size]
            values.flags.writeable = False
            self._column = Column(self._axis.first(self._size), values)
            self._shown = max(self._shown, self._size)
        return self._column

    def _flush(self) -> None:
        if self._new_steps:
            # copied, since a buffer cannot shrink while a view of it lives
            self._put(np.array(self._new_steps), np.array(self._new_values))
            del self._new_steps[:], self._new_values[:]

    def _put(self, steps: Floats, values: Floats) -> None:
        if not self._axis.fits(self._size, steps):
            self._axis = self._axes.other(self._axis.first(self._size), steps)
        self._axis.put(self._size, steps)
        size = self._size + values.size
        if size > self._values.size:
            self._values, self._shown = grown(self._values, self._size, size), 0
        self._values[self._size : size] = values
        self._size = size

    def _cut(self, length: int) -> None:
        if length >= self._size:
            del self._new_steps[length - self._size :], self._new_values[length - self._size :]
        else:
            del self._new_steps[:], self._new_values[:]
            self._size = length
            self._column = None
            if self._shown > length:
                self._values, self._shown = grown(self._values, length, length), 0


class Columns:
    """The columns of a run by name: ``MOST_COLUMNS`` in the order in which they come, then ``RESERVED`` known ones."""

    def __init__(self) -> None:
        self.full = False
        self._columns: dict[str, GrowingColumn] = {}
        self._axes = Axes()

    def takes(self, name: str) -> bool:
        """Return whether there is room for one more of this name, theirs or ours; ``full`` tells where not."""
        room = MOST_COLUMNS + RESERVED - len(self._columns)
        takes = room > RESERVED or (room > 0 and is_known(name))
        self.full = self.full or not takes
        return takes

    def named(self, name: str) -> GrowingColumn | None:
        """Return the column ``name``, made if need be; None if there are too many already."""
        column = self._columns.get(name)
        if column is None:
            if not self.takes(name):
                return None
            column = self._columns[name] = GrowingColumn(self._axes)
        return column

    def items(self) -> Iterable[tuple[str, GrowingColumn]]:
        """Return the columns with their names."""
        return self._columns.items()

    @classmethod
    def restored(cls, columns: Mapping[str, Column]) -> Columns:
        """Return columns that grow from a snapshot; steps that are one array stay one. Raises ValueError."""
        found, axes = cls(), dict[int, Axis]()
        for name, column in columns.items():
            if sanitize(name) != name:
                raise ValueError("a name that is not clean")
            axis = axes.setdefault(id(column.step), Axis(column.step))
            found._columns[name] = GrowingColumn.restored(found._axes, axis, column)
        found._axes.hold(axes.values())
        found.full = len(columns) >= MOST_COLUMNS
        return found

    def snapshot(self) -> dict[str, Column]:
        """Return all columns as they are now, in the order in which they came."""
        return {name: column.column() for name, column in self._columns.items()}
