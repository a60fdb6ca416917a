"""Thins a plot to the width that it is painted in, and remembers what does not change as the run grows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from textual.color import Color

from sad_doctor.run import Column
from sad_doctor.views import axis
from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts.histories import Histories
from sad_doctor.views.tui.charts.history import History
from sad_doctor.views.tui.charts.plot import Plot
from sad_doctor.views.tui.charts.raster import ACROSS

_CROWD = 8
"""Rows a dot column from which on noise fills the chart: lines are means then, over what was logged."""
_FAINT = 0.6
"""How far the colour of crowded points is mixed from the line's to the smoothed one's: a spike is still seen."""
_OVERVIEW = 100
"""Dot columns that are enough to see how far the values of a whole run reach: extremes are never left out."""


class Decimator:
    """Thins the plots of one chart."""

    def __init__(self) -> None:
        self.histories = Histories()
        self._whole: tuple[Plot, Plot] | None = None
        self._reaches: tuple[tuple[Series, ...], tuple[Series, ...]] = ((), ())

    def whole(self, plot: Plot) -> Plot:
        """Return a plot of few points that reaches as far as ``plot``, whatever its window."""
        if self._whole is None or self._whole[0] is not plot:
            if not _same(self._reaches[0], plot.drawn):
                everything = (-math.inf, math.inf)
                series = tuple(replace(s, column=self._history(s).view(*everything, _OVERVIEW)) for s in plot.drawn)
                self._reaches = (plot.drawn, series)
                self.histories.keep({_key(s) for s in plot.drawn})
            self._whole = (plot, replace(plot, series=self._reaches[1]))
        return self._whole[1]

    def thin(self, plot: Plot, width: int, smoothing: float, ghost: str) -> Plot:
        """Return what a chart ``width`` cells wide shows; what was smoothed lies under it in ``ghost``.

        So does, in a colour between, what is too crowded to be a line: that is the mean of each dot column.
        """
        left, right = plot.steps or axis.span(s.column for s in plot.drawn)
        dots = max(width, 1) * ACROSS
        shown: list[Series] = []
        ghosts: list[Series] = []
        seams = set(plot.seams)
        for series in plot.drawn:
            history = self._history(series)
            if series.kind == "level":
                shown.append(replace(series, column=Column(series.column.step[-1:], series.column.value[-1:])))
                continue
            seams |= set(history.seams)
            seen = replace(series, column=history.view(left, right, dots))
            line = series.kind == "line" and len(seen.column) > 2
            if line and smoothing > 0:
                ghosts.append(replace(seen, colour=ghost, mark=""))
                seen = replace(series, column=history.means(left, right, dots, smoothing * dots))
            elif line and not history.seams and history.count(left, right) >= _CROWD * dots:
                ghosts.append(replace(seen, colour=_between(series.colour, ghost), mark=""))
                seen = replace(series, column=_broken(history.means(left, right, dots), seen.column))
            shown.append(seen)
        empty = plot.empty if not plot.drawn else "nothing was logged at these steps"
        return replace(plot, series=shown, ghosts=ghosts, seams=sorted(seams), steps=(left, right), empty=empty)

    def values(self, plot: Plot, step: float | None) -> list[float | None]:
        """Return the logged value of each drawn series of a thinned plot at or before a step, the last for None."""
        known = self.histories
        return [known.at(_key(s), None if s.kind == "level" else step) for s in plot.drawn]

    def _history(self, series: Series) -> History:
        return self.histories.of(_key(series), series.column)


def _between(colour: str, ghost: str) -> str:
    return Color.parse(colour).blend(Color.parse(ghost), _FAINT).hex


def _broken(means: Column, seen: Column) -> Column:
    """Return means with a NaN where one was seen: a line does not lead over a stretch of nothing else."""
    odd = seen.step[~np.isfinite(seen.value)]
    step = np.concatenate([means.step, odd])
    order = np.argsort(step, kind="stable")
    return Column(step[order], np.concatenate([means.value, np.full(odd.size, np.nan)])[order])


def _same(one: tuple[Series, ...], other: tuple[Series, ...]) -> bool:
    """Whether these are the same series of the same columns: another window does not change how far they reach."""
    return len(one) == len(other) and all(
        a.column is b.column and _key(a) == _key(b) for a, b in zip(one, other, strict=True)
    )


def _key(series: Series) -> str:
    return f"{series.kind} {series.colour} {series.name}"
