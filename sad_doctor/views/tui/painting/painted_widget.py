"""A widget that paints its rows itself: what lies around them is worked out once a frame and not once a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Self

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style as TextualStyle
from textual.widget import Widget

from sad_doctor.views.tui.painting.lazy_strip import LazyStrip

_WORTH = 3
"""Rows from which on it pays; fewer take Textual's way."""
_STYLES = 512
"""Filtered styles that are kept at once."""
_EDGES = ("border_top", "border_right", "border_bottom", "border_left")


class _Look:
    """What was painted in one look: rows of the frame, whole rows beside their content, filtered styles."""

    def __init__(self) -> None:
        self.edges: dict[int, Strip] = {}
        self.whole: dict[int, tuple[Strip, Strip]] = {}
        self.styles: dict[int, tuple[Style, Style]] = {}


class Edged(Widget):
    """Renders as any widget does, with the edges of one row for all rows between its top and its bottom edge.

    Textual builds border, padding and filters anew for each row that is painted: of a chart that fills its pane this
    is more work than the chart. ``render_line`` must give rows that are as wide as the content, without wide edges.
    """

    _looks: dict[object, _Look]
    _look: _Look
    _titles: object = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of a region of the widget, its edges included."""
        size, gutter = self.region.size, self.styles.gutter
        inner = range(gutter.top, size.height - gutter.bottom)
        if sum(y in inner for y in crop.line_range) < _WORTH or self.opacity != 1:
            return super().render_lines(crop)
        below, behind = self.background_colors
        told = tuple(self.get_line_filters()), behind
        self._take((size, gutter, below, self.styles.border_top, self.styles.border_title_color, *told))
        look = self._look
        edge = self._edge(inner.start)
        left, right = edge.crop(0, gutter.left), edge.crop(size.width - gutter.right, size.width)
        strips = []
        for y in crop.line_range:
            if y not in inner:
                strips.append(self._edge(y))
                continue
            content = self.render_line(y - inner.start)
            known = look.whole.get(y)
            if known is None or known[0] is not content:
                # one strip in place of one for each step: to make one takes longer than what is done to it
                cells = content.adjust_cell_length(size.width - gutter.width)
                known = look.whole[y] = (content, LazyStrip([*left, *self._filtered(cells, *told), *right], size.width))
            strips.append(known[1])
        across = crop.column_span
        return strips if across == (0, size.width) else [strip.crop(*across) for strip in strips]

    def _take(self, key: object) -> None:
        """Take what was painted in a look, or nothing; of two it is known, as a pane has one with the focus."""
        titles = self.border_title, self.border_subtitle
        if titles != self._titles:
            for look in self._looks.values():
                look.edges = {y: edge for y, edge in look.edges.items() if y == self.styles.gutter.top}
            self._titles = titles
        if key not in self._looks:
            self._looks = dict([*self._looks.items()][-1:])
            self._looks[key] = _Look()
        self._look = self._looks[key]

    def _filtered(
        self, cells: Iterable[Segment], filters: Sequence[LineFilter], background: Color
    ) -> Iterator[Segment]:
        """Pass the cells through the filters, which mind nothing but the style: each style once."""
        seen = self._look.styles
        for cell in cells:
            text, style, _ = cell
            if style is None:
                style = Style.null()
            known = seen.get(
                id(style)
            )  # which is no other's while it is kept; to hash a style takes longer than all else
            if known is None:
                found = [Segment(" ", style)]
                for one in filters:
                    found = one.apply(found, background)
                if len(seen) >= _STYLES:
                    seen.clear()
                known = seen[id(style)] = style, found[0].style or style
            yield cell if known[1] is style else Segment(text, known[1])

    def notify_style_update(self) -> None:
        """Forget what was painted, which may have another look."""
        self._looks = {}
        super().notify_style_update()

    def _edge(self, y: int) -> Strip:
        """A row of the frame, or one of which only the ends are wanted, as Textual paints it; each once for a look."""
        strip = self._look.edges.get(y)
        if strip is None:
            row = Region(0, y, self.region.width, 1)
            self._styles_cache.set_dirty(row)  # Textual has kept it as it was in the look before
            strip = self._look.edges[y] = super().render_lines(row)[0]
        return strip


class Painted(ScrollView, Edged, can_focus=False):
    """Paints all of itself. That it is a view that could scroll spares a second layout whenever its size changes."""

    DEFAULT_CSS = "Painted { overflow: hidden; }"


class Drawn(Painted):
    """Paints all its rows at once; what they depend on is looked up once a frame."""

    _rows: list[Strip] | None = None

    def rows(self) -> list[Strip]:
        """Return every row as it is to be seen now."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of a region."""
        self._rows = self.rows()
        try:
            return super().render_lines(crop)
        finally:
            self._rows = None

    def render_line(self, y: int) -> Strip:
        """Return a painted row."""
        rows = self.rows() if self._rows is None else self._rows
        return rows[y] if y < len(rows) else Strip.blank(self.size.width)


class Framed(Painted):
    """A pane whose frame and title have another colour while it has the focus.

    It is not styled anew for that: the style sheet, with all that it says of the widget and what is in it, takes longer
    than to paint both panes that the focus moves between.
    """

    lit_within: ClassVar[bool] = True
    """Whether what is in the frame looks otherwise with the focus."""
    _lighting = False

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Change the colour of the frame."""
        self.light()
        self._lighting = not self.lit_within

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint anew; where the focus alone has come or gone, the frame alone."""
        if self._lighting and repaint and not (regions or layout or recompose):
            gutter, size = self.styles.gutter, self.region.size
            across, down = size.width, size.height
            lines = (0, 0, across, 1), (0, down - 1, across, 1), (0, 0, 1, down), (across - 1, 0, 1, down)
            regions = tuple(Region(*one).translate((-gutter.left, -gutter.top)) for one in lines)
        self._lighting = False
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Mix the colours anew: the style sheet or the theme has changed."""
        super().notify_style_update()
        self.light()

    def light(self) -> None:
        """Give the frame the colour that it has with or without the focus."""
        inline, kind = self.styles.inline, self.styles.base.border_top[0]
        lit = self.has_focus and bool(kind)
        colour = TextualStyle.parse("$border").foreground if lit else None
        for edge in _EDGES:
            inline.set_rule(edge, (kind, colour)) if lit else inline.clear_rule(edge)
        inline.set_rule("border_title_color", colour) if lit else inline.clear_rule("border_title_color")
