"""Paints shares: stacked bands over the steps, and bars of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import numpy as np
from rich.style import Style

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.views import axis, numerals, palette
from sad_doctor.views.tui.charts import raster
from sad_doctor.views.tui.charts.plot import Ink, value_at
from sad_doctor.views.tui.painting.canvas import Canvas

_EIGHTHS = 8
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ACROSS = " ▏▎▍▌▋▊▉█"
_SHORTEST = 4
"""Cells of a bar that tells more than its percentage does."""
BESIDE_NAME, BARLESS = 22, 10
"""Cells of a row of bars beside the name of its term: its sign, a bar of twelve cells or none, a percentage."""


@sealed(eq=False)
class Shares:
    """The share of each term over the steps (fractions of the loss), with the terms' colours.

    ``holes`` are the steps at which a part was not finite, so that there are no shares. ``patterned`` tells the terms
    apart by fills, for a terminal without colours. ``least`` is how far apart the labels of the steps must be.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    holes: Floats = field(default_factory=lambda: np.zeros(0))
    steps: tuple[float, float] | None = None
    empty: str = "no terms logged yet"
    patterned: bool = False
    least: float = 0.0

    def fill(self, term: str) -> str:
        """Return the fill of a term; it is the same in all panes."""
        return palette.PATTERNS[list(self.colours).index(term) % len(palette.PATTERNS)]

    def now(self, step: float | None = None) -> dict[str, float | None]:
        """Return the shares at or before a step (the last for None), the largest first; None where none is known."""
        found = {term: value_at(column, step) for term, column in self.columns.items()}
        return dict(sorted(found.items(), key=lambda item: -1.0 if item[1] is None else item[1], reverse=True))


def bands(shares: Shares, left: float, right: float, width: int) -> tuple[Floats, raster.Bools]:
    """Return the shares as [term, width], each column summing to 1, and which columns lie in a hole.

    A stretch without a logged step repeats the one before; what lies outside the log is NaN.
    """
    parts = np.array([raster.bins(c, left, right, width) for c in shares.columns.values()]).reshape(-1, width)
    parts = np.clip(parts, 0.0, None)
    total = np.nansum(parts, axis=0)
    good = np.isfinite(parts).any(axis=0) & (total > 0) & np.isfinite(total)
    broken = np.zeros(width, dtype=np.bool_)
    holes = shares.holes[(shares.holes >= left) & (shares.holes <= right)]
    broken[raster.place(holes, left, right, width)] = True
    broken &= ~good
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.where(good, np.nan_to_num(parts) / total, np.nan)
    known = np.flatnonzero(good)
    if known.size:
        source = known[np.clip(np.searchsorted(known, np.arange(width), side="right") - 1, 0, None)]
        inside = (np.arange(width) >= known[0]) & (np.arange(width) <= known[-1]) & ~broken
        whole = np.where(inside, whole[:, source], np.nan)
    return whole, broken


@sealed
class Place:
    """Where the bands lie on their canvas, in cells, and the steps that they span."""

    x: int
    rows: int
    across: int
    steps: tuple[float, float]

    def step(self, column: int) -> float:
        """Return the step in the middle of a canvas column."""
        left, right = self.steps
        return left + (column - self.x + 0.5) / self.across * (right - left)

    def column(self, step: float) -> int | None:
        """Return the canvas column of a step, None if it is not in view."""
        left, right = self.steps
        if not left <= step <= right:
            return None
        return self.x + raster.place_one(step, left, right, self.across)


def paint_bands(width: int, height: int, shares: Shares, ink: Ink) -> tuple[Canvas, Place]:
    """Return the canvas without a cursor, and the place of the bands on it."""
    canvas = Canvas(width, height, ink.base)
    left, right = shares.steps or axis.span(shares.columns.values())
    foot = 1 if height >= 4 else 0
    x = 5 if width >= 20 else 0
    place = Place(x, height - foot, max(width - x, 1), (left, right))
    if not shares.columns:
        canvas.write(max(0, (width - len(shares.empty)) // 2), height // 2, shares.empty, ink.label)
        return canvas, place
    if x:
        for y, label in ((0, "100%"), ((place.rows - 1) // 2, "50%"), (place.rows - 1, "0%")):
            canvas.write(x - 1 - len(label), y, label, ink.label)
    part, broken = bands(shares, left, right, place.across)
    if shares.patterned:
        _hatch(canvas, place, part, "".join(shares.fill(t) for t in shares.columns), ink)
    else:
        _stack(canvas, place, part, [shares.colours[t] for t in shares.columns])
    for column in np.flatnonzero(broken).tolist():
        for y in range(place.rows):
            canvas.put(x + column, y, "×", ink.nan)
    if foot:
        _foot(canvas, place, shares.least, ink)
    return canvas, place


def paint_cursor(canvas: Canvas, place: Place, cursor: float, ink: Ink) -> None:
    """Draw the cursor over the bands."""
    if (at := place.column(cursor)) is not None:
        for y in range(place.rows):
            canvas.cross(at, y, "│", ink.text)


def paint_bars(width: int, height: int, shares: Shares, step: float | None, ink: Ink) -> Canvas:
    """Return a canvas with one bar a term: the shares at ``step``, or the last ones; what does not fit is counted."""
    canvas = Canvas(width, height, ink.base)
    now = shares.now(step)
    if not now:
        return canvas
    name = min(max(max(len(t) for t in now), 4), max(width - BARLESS, width // 3, 4))
    shown = list(now.items())[:height]
    if len(shown) < len(now) and shown:
        shown = shown[:-1]
    for y, (term, share) in enumerate(shown):
        style = Style(color=shares.colours[term])
        fill = shares.fill(term) if shares.patterned else ""
        canvas.put(0, y, fill or "■", style)
        canvas.write(2, y, term, ink.text, limit=name)
        label = "–" if share is None else numerals.percent(share, 1)
        canvas.write(width - len(label), y, label, ink.text if share is not None else ink.label)
        _bar(canvas, name + 3, y, width - name - 3 - 7, share or 0.0, style, ink, fill)
    if len(shown) < len(now):
        canvas.write(2, len(shown), f"… {len(now) - len(shown)} more", ink.label)
    return canvas


def _bar(canvas: Canvas, x: int, y: int, room: int, share: float, style: Style, ink: Ink, fill: str) -> None:
    if room < _SHORTEST or not np.isfinite(share):
        return
    canvas.write(x, y, "─" * room, ink.grid)
    eighths = round(min(max(share, 0.0), 1.0) * room * _EIGHTHS)
    full, part = divmod(eighths, _EIGHTHS)
    if fill:
        canvas.write(x, y, fill * round(eighths / _EIGHTHS), ink.text)
        return
    if full:
        canvas.write(x, y, " " * full, Style(bgcolor=style.color))
    if part or (share > 0 and not full):
        canvas.put(x + full, y, _ACROSS[max(part, 1)], style)


def _stack(canvas: Canvas, place: Place, part: Floats, colours: list[str]) -> None:
    """Fill cells with the colour of their term; a cell on a border shows both by an eighth block."""
    upto = np.cumsum(np.nan_to_num(part), axis=0)
    level = (np.arange(place.rows * _EIGHTHS) + 0.5) / (place.rows * _EIGHTHS)
    owner = np.zeros((level.size, place.across), dtype=np.int64)
    for border in upto[:-1]:
        owner += border < level[:, None]
    known = np.isfinite(part).all(axis=0)
    cells = owner.reshape(place.rows, _EIGHTHS, place.across)[::-1]
    # shares are stacked from below, so that a cell of one term has the same one at both ends
    under, mixed = cells[:, 0, :], (cells[:, 0, :] != cells[:, -1, :]) & known
    ink = canvas.ink[: place.rows, place.x : place.x + place.across]
    glyph = canvas.glyph[: place.rows, place.x : place.x + place.across]
    styles = np.array([canvas.style(Style(bgcolor=colour)) for colour in colours], dtype=np.int64)
    ink[:, known] = styles[under[:, known]]
    ys, xs = np.nonzero(mixed)
    eighths = cells[ys, :, xs]
    low = eighths[:, 0]
    counts = np.stack([(eighths == term).sum(axis=1) for term in range(len(colours))], axis=1)
    filled = counts[np.arange(low.size), low]
    counts[np.arange(low.size), low] = 0
    over = counts.argmax(axis=1)
    glyph[ys, xs] = np.array([ord(one) for one in _BLOCKS], dtype=np.int64)[filled]
    for a, b in sorted(set(zip(low.tolist(), over.tolist(), strict=True))):
        here = (low == a) & (over == b)
        ink[ys[here], xs[here]] = canvas.style(Style(color=colours[a], bgcolor=colours[b]))


def _hatch(canvas: Canvas, place: Place, part: Floats, fills: str, ink: Ink) -> None:
    """Fill cells with the character of the term in their middle."""
    upto = np.cumsum(np.nan_to_num(part), axis=0)
    level = (np.arange(place.rows) + 0.5) / place.rows
    owner = np.minimum((upto[:, None, :] < level[None, :, None]).sum(axis=0), len(fills) - 1)[::-1]
    glyphs = np.array([ord(one) for one in fills], dtype=np.int64)[owner]
    glyphs[:, ~np.isfinite(part).all(axis=0)] = 0
    canvas.lay(place.x, 0, glyphs, ink.text)


def _foot(canvas: Canvas, place: Place, least: float, ink: Ink) -> None:
    free = 0
    ticks = axis.ticks(*place.steps, max(place.across // 9, 1), least=least) or [place.steps[0]]
    for step, label in zip(ticks, numerals.labels(ticks), strict=True):
        at = place.x + raster.place_one(step, *place.steps, place.across)
        start = min(max(at - len(label) // 2, 0), canvas.width - len(label))
        if start >= free:
            free = canvas.write(start, place.rows, label, ink.label) + 1
