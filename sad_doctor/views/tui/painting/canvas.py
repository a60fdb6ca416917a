"""A grid of characters with styles, turned into strips: what every drawing widget here paints on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from sad_doctor.views.tui.painting.lazy_strip import LazyStrip

_SPACE = ord(" ")
_HELD = -1  # the second cell of a wide character


class Canvas:
    """Characters and styles by row and column; writing outside the grid is cut off, never an error."""

    def __init__(self, width: int, height: int, base: Style) -> None:
        self.width, self.height = width, height
        self.glyph: NDArray[np.int64] = np.full((height, width), _SPACE, dtype=np.int64)
        self.ink: NDArray[np.int64] = np.zeros((height, width), dtype=np.int64)
        self._styles: list[Style] = [base]
        self._index: dict[Style, int] = {}

    def copy(self) -> Canvas:
        """Return a canvas that can be painted on without touching this one."""
        other = Canvas(self.width, self.height, self._styles[0])
        other.glyph, other.ink = self.glyph.copy(), self.ink.copy()
        other._styles, other._index = list(self._styles), dict(self._index)
        return other

    def style(self, style: Style) -> int:
        """Return the number of a style laid over the base."""
        number = self._index.get(style)
        if number is None:  # adding styles costs much more than looking one up
            number = self._index[style] = len(self._styles)
            self._styles.append(self._styles[0] + style)
        return number

    def put(self, x: int, y: int, glyph: str, style: Style) -> None:
        """Set one narrow character."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self.glyph[y, x], self.ink[y, x] = ord(glyph), self.style(style)

    def cross(self, x: int, y: int, glyph: str, style: Style) -> None:
        """Set one character over whatever background lies there."""
        self.put(x, y, glyph, style + Style(bgcolor=self._styles[int(self.ink[y, x])].bgcolor))

    def write(self, x: int, y: int, text: str, style: Style, limit: int | None = None) -> int:
        """Write ``text`` from column ``x``; at most ``limit`` cells, then an ellipsis. Returns the column after it."""
        end = self.width if limit is None else min(self.width, x + limit)
        if 0 <= x < end and 0 <= y < self.height and text.isascii() and text.isprintable():
            told = text if x + len(text) <= end else text[: end - x - 1] + "…"
            stop = x + len(told)
            self.glyph[y, x:stop] = np.frombuffer(told.encode("utf-32-le"), dtype="<u4")
            self.ink[y, x:stop] = self.style(style)
            return stop
        cells = [(c, get_character_cell_size(c)) for c in text]
        cells = [(c if c.isprintable() else "\ufffd", n) for c, n in cells if n > 0 or not c.isprintable()]
        if x + sum(max(n, 1) for _, n in cells) > end:
            cells = _shorten(cells, end - x)
        for char, size in cells:
            self.put(x, y, char, style)
            if size == 2 and 0 <= x + 1 < self.width and 0 <= y < self.height:
                self.glyph[y, x + 1], self.ink[y, x + 1] = _HELD, self.style(style)
            x += max(size, 1)
        return x

    def lay(self, x: int, y: int, glyphs: NDArray[np.int64], style: Style) -> None:
        """Lay a block of code points over the grid at (x, y); zeros are left out. The block must fit."""
        height, width = glyphs.shape
        hit = glyphs > 0
        self.glyph[y : y + height, x : x + width][hit] = glyphs[hit]
        self.ink[y : y + height, x : x + width][hit] = self.style(style)

    def strips(self, rows: Sequence[int] | None = None) -> list[Strip]:
        """Return one strip a row, of all rows or of these."""
        wanted = list(range(self.height)) if rows is None else list(rows)
        if not wanted or not self.width:
            return [Strip([], self.width) for _ in wanted]
        glyph, ink = self.glyph[wanted], self.ink[wanted]
        held = (glyph == _HELD).any(axis=1).tolist()
        text = np.where(glyph == _HELD, _SPACE, glyph).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        # an edge is where the style changes, and at the beginning of each row
        edges = np.ones(ink.shape, dtype=np.bool_)
        edges[:, 1:] = ink[:, 1:] != ink[:, :-1]
        places = np.flatnonzero(edges)
        starts, styles = places.tolist(), ink.ravel()[places].tolist()
        firsts = np.flatnonzero(places % self.width == 0).tolist()
        ends = [*starts[1:], len(text)]
        found = []
        for row, (first, last) in enumerate(zip(firsts, [*firsts[1:], len(starts)], strict=True)):
            if held[row]:
                found.append(self._wide(wanted[row]))
                continue
            pieces = [
                Segment(text[a:b], self._styles[number])
                for a, b, number in zip(starts[first:last], ends[first:last], styles[first:last], strict=True)
            ]
            found.append(LazyStrip(pieces, self.width))
        return found

    def differs(self, other: Canvas) -> list[int]:
        """Return the rows that are not those of a canvas of the same size from which this one was copied."""
        same = (self.glyph == other.glyph) & (self.ink == other.ink)
        return [int(y) for y in np.flatnonzero(~same.all(axis=1))]

    def _wide(self, y: int) -> Strip:
        """A row with characters of two cells."""
        ink, glyph = self.ink[y], self.glyph[y]
        edges = [0, *(np.flatnonzero(np.diff(ink)) + 1).tolist(), self.width]
        cells = ["" if code == _HELD else chr(code) for code in glyph.tolist()]
        pieces = ["".join(cells[a:b]) for a, b in pairwise(edges)]
        styles = [self._styles[number] for number in ink[edges[:-1]].tolist()]
        return LazyStrip(
            [Segment(piece, style) for piece, style in zip(pieces, styles, strict=True) if piece], self.width
        )


def _shorten(cells: list[tuple[str, int]], room: int) -> list[tuple[str, int]]:
    kept: list[tuple[str, int]] = []
    used = 0
    for char, size in cells:
        if used + max(size, 1) > room - 1:
            break
        kept.append((char, size))
        used += max(size, 1)
    return [*kept, ("…", 1)] if room > 0 else []
