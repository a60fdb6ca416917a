"""The steps of columns that were logged together, held once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sad_doctor.run import Floats

_MOST = 8
"""How many axes are tried before a column gets one of its own."""


class Axis:
    """Steps that grow at their end and never change. A column uses the first steps of one."""

    __slots__ = ("_size", "_steps")

    def __init__(self, steps: Floats | None = None) -> None:
        self._steps: Floats = np.empty(0) if steps is None else steps
        self._size = self._steps.size

    def __len__(self) -> int:
        return self._size

    def first(self, size: int) -> Floats:
        """Return the first ``size`` steps, read-only."""
        steps = self._steps[:size]
        steps.flags.writeable = False
        return steps

    def fits(self, at: int, steps: Floats) -> bool:
        """Return whether ``steps`` can go in from index ``at`` on: what is there already is the same, bit for bit."""
        if at > self._size:
            return False
        there = self._steps[at : min(self._size, at + steps.size)]
        return np.array_equal(there.view(np.int64), steps[: there.size].view(np.int64))

    def put(self, at: int, steps: Floats) -> None:
        """Put ``steps``, which must fit, in from index ``at`` on."""
        size = at + steps.size
        if size <= self._size:
            return
        if size > self._steps.size:
            self._steps = grown(self._steps, self._size, size)
        self._steps[self._size : size] = steps[self._size - at :]
        self._size = size


class Axes:
    """The axes of a run: columns with the same steps share one."""

    def __init__(self) -> None:
        self._axes: list[Axis] = [Axis()]

    def first(self) -> Axis:
        """Return the axis that a column tries first."""
        return self._axes[0]

    def hold(self, axes: Iterable[Axis]) -> None:
        """Take the axes of columns that were restored; the newest are kept."""
        self._axes = [*axes][-_MOST:] or self._axes

    def other(self, before: Floats, steps: Floats) -> Axis:
        """Return an axis that begins with ``before`` and can go on with ``steps``; a new one if none does."""
        for axis in self._axes:
            if axis.fits(0, before) and len(axis) >= before.size and axis.fits(before.size, steps):
                return axis
        axis = Axis(before.copy())
        self._axes = [*self._axes[1 - _MOST :], axis] if len(self._axes) >= _MOST else [*self._axes, axis]
        return axis


def grown(buffer: Floats, size: int, needed: int) -> Floats:
    """Return a buffer with room for ``needed`` values and half as many again, with the first ``size`` of ``buffer``."""
    larger = np.empty(max(16, needed + needed // 2))
    larger[:size] = buffer[:size]
    return larger
