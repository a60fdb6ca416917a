"""The pane of shares: bands over the steps beside bars of one moment, which are also the legend."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip

from sad_doctor.run import Column
from sad_doctor.views import axis, numerals
from sad_doctor.views.tui.charts.bands import BARLESS, BESIDE_NAME, Place, Shares, paint_bands, paint_bars, paint_cursor
from sad_doctor.views.tui.charts.chart import Chart
from sad_doctor.views.tui.charts.histories import Histories
from sad_doctor.views.tui.charts.inked import Inked
from sad_doctor.views.tui.charts.plot import Ink
from sad_doctor.views.tui.painting.canvas import Canvas
from sad_doctor.views.tui.painting.ink import pen
from sad_doctor.views.tui.painting.painted_widget import Edged

_ROOMY = 70
"""Cells of a pane that has room for bars beside its bands."""


class _Shown(Inked):
    """Paints shares; repaints only when the shares, the cursor, the size or the theme changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shares = Shares()
        self.histories = Histories()
        self.cursor: float | None = None
        self._strips: list[Strip] = []
        self._key: object = None

    def show(self, shares: Shares) -> None:
        """Show other shares."""
        grown = len(shares.columns) != len(self.shares.columns)
        self.shares = shares
        self.refresh(layout=grown)

    def point_at(self, step: float | None) -> None:
        """Show the shares at a step; None shows the last ones."""
        if step != self.cursor:
            self.cursor = step
            self.refresh()

    def paint(self, key: object, width: int, height: int) -> list[Strip]:
        """Return the painted rows; ``key`` stands for all that matters but the cursor."""
        raise NotImplementedError

    def rows(self) -> list[Strip]:
        """Return the painted rows."""
        size = self.size
        key = (self.shares, size, self.app.theme)
        if (key, self.cursor) != self._key:
            self._strips = self.paint(key, max(size.width, 1), max(size.height, 1))
            self._key = key, self.cursor
        return self._strips

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._strips, self._key = [], None
        super().notify_style_update()

    def mixed(self) -> Ink:
        """Return the few styles that bands and bars have."""
        label, text, nan, track = (pen(self, f"${part}") for part in ("text-muted", "foreground", "error", "grid"))
        return Ink(Style(bgcolor=self.rich_style.bgcolor), label, track, label, text, nan, nan, {})


class Bands(_Shown):
    """Shares over the steps."""

    _painted: tuple[object, Canvas, list[Strip], Place] | None = None

    def notify_style_update(self) -> None:
        """Forget the bands too."""
        self._painted = None
        super().notify_style_update()

    def point_at(self, step: float | None) -> None:
        """Show the cursor at a step: of the bands its column is painted anew, before and now."""
        if step == self.cursor:
            return
        before, self.cursor = self.cursor, step
        if self._painted is None:
            self.refresh()
            return
        place = self._painted[3]
        columns = {at for one in (before, step) if one is not None and (at := place.column(one)) is not None}
        if columns:
            self.refresh(*(Region(column, 0, 1, place.rows) for column in sorted(columns)))

    def paint(self, key: object, width: int, height: int) -> list[Strip]:
        """Return stacked bands; a cursor that moves does not stack them anew."""
        ink = self.ink()
        if self._painted is None or key != self._painted[0]:
            canvas, place = paint_bands(width, height, self._thinned(width), ink)
            self._painted = (key, canvas, canvas.strips(), place)
        _, bare, strips, place = self._painted
        if self.cursor is None or not self.shares.columns:
            return list(strips)
        paint_cursor(canvas := bare.copy(), place, self.cursor, ink)
        changed = canvas.differs(bare)
        told = dict(zip(changed, canvas.strips(changed), strict=True))
        return [told.get(row, strip) for row, strip in enumerate(strips)]

    def _thinned(self, width: int) -> Shares:
        """The shares with a mean for each cell: stacking costs the same however long the run is."""
        shares = self.shares
        left, right = shares.steps or axis.span(shares.columns.values())
        every = {t: self.histories.of(t, c).means(left, right, max(width, 1)) for t, c in shares.columns.items()}
        least = axis.between(shares.columns.values())
        return replace(shares, columns=every, steps=(left, right), least=least)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse clicked."""
        offset = event.get_content_offset(self)
        if offset is not None and self._painted is not None and offset.x >= self._painted[3].x:
            step = self._painted[3].step(offset.x)
            counted = axis.between(self.shares.columns.values())
            self.post_message(Chart.CursorMoved(float(round(step)) if counted else step))


class Bars(_Shown):
    """Shares of one moment."""

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002
        """Return the cells of the longest name, a bar where there is room, and a percentage.

        What is left is for the bands, which tell the shares themselves.
        """
        beside = BESIDE_NAME if container.width >= _ROOMY else BARLESS
        return max((len(term) for term in self.shares.columns), default=0) + beside

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return a row for each term."""
        return max(len(self.shares.columns), 1)

    def paint(self, key: object, width: int, height: int) -> list[Strip]:  # noqa: ARG002
        """Return bars."""
        known = {t: self.histories.of(t, c).at(self.cursor) for t, c in self.shares.columns.items()}
        values = {t: np.array([] if v is None else [v], dtype=np.float64) for t, v in known.items()}
        moment = {t: Column(np.zeros(v.size), v) for t, v in values.items()}
        return paint_bars(width, height, replace(self.shares, columns=moment), None, self.ink()).strips()


class SharePane(Horizontal, Edged):
    """Bands and bars side by side; bands alone where it is narrow."""

    _under: Strip | None = None
    _footing = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.bands, self.bars = Bands(id="bands"), Bars(id="bars")
        self.border_title = Content("Shares of the loss")

    def compose(self) -> ComposeResult:
        """Yield both."""
        yield self.bands
        yield self.bars

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of a region; what lies under both is worked out once for all of them."""
        width = self.size.width
        if self._under is None or self._under.cell_length != width:
            self._under = Strip.blank(width, self.rich_style)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:  # noqa: ARG002
        """Return what lies under both."""
        return Strip.blank(self.size.width, self.rich_style) if self._under is None else self._under

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint anew, for another step at the foot the foot alone."""
        if self._footing and not regions:
            left = self.styles.gutter.left
            regions = (Region(-left, self.size.height, self.region.width, 1),)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._under = None
        super().notify_style_update()

    def show(self, shares: Shares) -> None:
        """Show other shares; both panes remember their histories together."""
        self.bars.histories = self.bands.histories
        self.bands.histories.keep(set(shares.columns))
        self.bands.show(shares)
        if not _same_moment(self.bars.shares, shares):
            self.bars.show(shares)

    def point_at(self, step: float | None) -> None:
        """Show the shares at a step; None shows the last ones."""
        self.bands.point_at(step)
        self.bars.point_at(step)
        self._footing = True
        self.border_subtitle = None if step is None else f"at step {numerals.step(step)}"
        self._footing = False


def _same_moment(one: Shares, other: Shares) -> bool:
    """Whether the bars are the same: another window of steps does not change them."""
    same = all(one.columns[term] is other.columns.get(term) for term in one.columns)
    told = (one.colours, one.patterned, one.empty, list(one.columns))
    return same and told == (other.colours, other.patterned, other.empty, list(other.columns))
