"""A widget that paints its rows itself: what lies around them is worked out once a frame and not once a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style as TextualStyle
from textual.widget import Widget

from sad_doctor.views.tui.lean import Row

_WORTH = 3
"""Rows from which on it pays; fewer take Textual's way."""
_EDGES = ("border_top", "border_right", "border_bottom", "border_left")


class Edged(Widget):
    """Renders as any widget does, with the edges of one row for all rows between its top and its bottom edge.

    Textual builds border, padding and filters anew for each row that is painted: of a chart that fills its pane this
    is more work than the chart. ``render_line`` must give rows that are as wide as the content, without wide edges.
    """

    _around: object = None
    _look: object = None
    _titles: object = None
    _edges: dict[int, Strip]
    _whole: dict[int, tuple[Strip, Strip]]
    _styles_seen: dict[Style, Style]

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of a region of the widget, its edges included."""
        size, gutter = self.region.size, self.styles.gutter
        inner = range(gutter.top, size.height - gutter.bottom)
        if sum(y in inner for y in crop.line_range) < _WORTH or self.opacity != 1:
            return super().render_lines(crop)
        below, behind = self.background_colors
        told = tuple(self.get_line_filters()), behind
        titles = self.border_title, self.border_subtitle
        if (look := (size, gutter, below, *told)) != self._look:
            self._look, self._edges = look, {}
        elif titles != self._titles:
            self._edges = {y: edge for y, edge in self._edges.items() if y in inner}
        self._titles = titles
        edge = self._edge(inner.start)
        left, right = edge.crop(0, gutter.left), edge.crop(size.width - gutter.right, size.width)
        if (around := (size, left, right, *told)) != self._around:
            self._around, self._whole, self._styles_seen = around, {}, {}
        strips = []
        for y in crop.line_range:
            if y not in inner:
                strips.append(self._edge(y))
                continue
            content = self.render_line(y - inner.start)
            known = self._whole.get(y)
            if known is None or known[0] is not content:
                # one strip in place of one for each step: to make one takes longer than what is done to it
                cells = content.adjust_cell_length(size.width - gutter.width)
                known = self._whole[y] = (content, Row([*left, *self._filtered(cells, *told), *right], size.width))
            strips.append(known[1])
        across = crop.column_span
        return strips if across == (0, size.width) else [strip.crop(*across) for strip in strips]

    def _filtered(
        self, cells: Iterable[Segment], filters: Sequence[LineFilter], background: Color
    ) -> Iterator[Segment]:
        """Pass the cells through the filters, which mind nothing but the style: each style once."""
        seen = self._styles_seen
        for cell in cells:
            text, style, _ = cell
            if style is None:
                style = Style.null()
            told = seen.get(style)
            if told is None:
                found = [Segment(" ", style)]
                for one in filters:
                    found = one.apply(found, background)
                told = seen[style] = found[0].style or style
            yield cell if told is style else Segment(text, told)

    def notify_style_update(self) -> None:
        """Forget what was painted, which may have another look."""
        self._look = self._around = None
        self._edges, self._whole = {}, {}
        super().notify_style_update()

    def _edge(self, y: int) -> Strip:
        """A row of the frame, or one of which only the ends are wanted, as Textual paints it; each once for a look."""
        strip = self._edges.get(y)
        if strip is None:
            strip = self._edges[y] = super().render_lines(Region(0, y, self.region.width, 1))[0]
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

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Change the colour of the frame."""
        self.light()

    def notify_style_update(self) -> None:
        """Mix the colours anew: the style sheet or the theme has changed."""
        super().notify_style_update()
        self.light()

    def light(self) -> None:
        """Give the frame the colour that it has with or without the focus."""
        self._look = None
        inline, kind = self.styles.inline, self.styles.base.border_top[0]
        lit = self.has_focus and bool(kind)
        colour = TextualStyle.parse("$border").foreground if lit else None
        for edge in _EDGES:
            inline.set_rule(edge, (kind, colour)) if lit else inline.clear_rule(edge)
        inline.set_rule("border_title_color", colour) if lit else inline.clear_rule("border_title_color")
