"""Which steps the charts show: zoom and pan as arithmetic. ``None`` stands for all steps."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Floats

Window = tuple[float, float]

_FINEST = 4.0
"""Fewest steps that a window spans."""
_FEWEST = 3
"""Fewest logged steps that a window holds."""
_MARGIN = 0.15
"""Share of its length that is shown on both sides of a span."""
_WHOLE = 0.8
"""Share of the run from which on a span is shown with the whole run."""


def clamped(window: Window, whole: Window) -> Window | None:
    """Return a window moved into the whole; None where it would show all of it."""
    left, right = whole
    width = max(window[1] - window[0], min(_FINEST, right - left))
    if width >= right - left:
        return None
    if window[1] - window[0] == width and left <= window[0] and window[1] <= right:
        # as it is: a sum of its middle and its width could miss an edge by a rounding
        return window
    start = min(max((window[0] + window[1] - width) / 2, left), right - width)
    return start, start + width


def zoomed(window: Window | None, whole: Window, factor: float, at: float | None = None) -> Window | None:
    """Return the window ``factor`` times as wide about ``at``, which keeps its place; about the middle for None."""
    left, right = window or whole
    at = (left + right) / 2 if at is None else min(max(at, left), right)
    return clamped((at - (at - left) * factor, at + (right - at) * factor), whole)


def panned(window: Window | None, whole: Window, share: float) -> Window | None:
    """Return the window moved by a share of its width, to the right for a positive one."""
    if window is None:
        return None
    by = (window[1] - window[0]) * share
    return clamped((window[0] + by, window[1] + by), whole)


def around(span: Window, whole: Window) -> Window | None:
    """Return a window that shows a span of steps and something of both sides."""
    length = span[1] - span[0]
    if length > _WHOLE * (whole[1] - whole[0]):
        return None
    # of a single step, a twentieth of the run
    margin = max(length * _MARGIN, (whole[1] - whole[0]) / 40)
    return clamped((span[0] - margin, span[1] + margin), whole)


def filled(window: Window | None, whole: Window, logged: Floats) -> Window | None:
    """Return the window, widened to the nearest steps of ``logged`` where it holds too few of them to see anything."""
    if window is None:
        return None
    left, right = window
    inside = logged[(logged >= left) & (logged <= right)]
    if inside.size > 64 * _FEWEST or np.unique(inside).size >= _FEWEST:
        return window
    every = np.unique(logged[np.isfinite(logged)])
    if every.size <= _FEWEST:
        return None
    near = every[np.argsort(np.abs(every - (left + right) / 2), kind="stable")[:_FEWEST]]
    return clamped((min(left, float(near.min())), max(right, float(near.max()))), whole)


def followed(window: Window | None, before: Window | None, whole: Window | None) -> Window | None:
    """Return the window after the run has grown: one that showed its end goes on showing it."""
    if window is None or before is None or whole is None:
        return None
    by = whole[1] - before[1] if window[1] >= before[1] else 0.0
    return clamped((window[0] + by, window[1] + by), whole)
