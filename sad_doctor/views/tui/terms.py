"""The table of terms: raw, weight, weighted, share, trend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.content import Content
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable

from sad_doctor.views import numerals
from sad_doctor.views.palette import PATTERNS, inks_of_table
from sad_doctor.views.tui.library import Histories
from sad_doctor.views.tui.snapshot import Term
from sad_doctor.views.tui.spark import sparkline
from sad_doctor.views.tui.story import matches

_WIDTHS = {"raw": 8, "weight": 7, "weighted": 8, "share": 6}
_FLAT = 0.02
"""A change smaller than this fraction is no trend."""


class TermTable(DataTable[Text]):
    """One row a term; the row under the cursor is drawn in the loss chart."""

    class Chosen(Message):
        """The cursor is on another term; None for no term."""

        def __init__(self, term: str | None) -> None:
            super().__init__()
            self.term = term

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            cursor_type="row",
            zebra_stripes=False,
            header_height=1,
            cell_padding=1,
            cursor_foreground_priority="renderable",
        )
        self.terms: Sequence[Term] = ()
        self.shown: list[Term] = []
        self.wanted = ""
        self.source = ""
        self._colours: Mapping[str, str] = {}
        self.histories = Histories()
        self._layout: tuple[object, ...] = ()
        self.border_title = Content("Terms")

    def present(self, terms: Sequence[Term], colours: Mapping[str, str], source: str) -> None:
        """Show other values."""
        self.terms = sorted(terms, key=lambda t: not len(t.path))
        self._colours, self.source = colours, source
        self.histories.keep({t.name for t in terms})
        self.rebuild()

    def narrow(self, wanted: str) -> None:
        """Show only terms whose name holds every word of ``wanted``; all of them when none does."""
        self.wanted = wanted
        self.rebuild()

    @property
    def term(self) -> str | None:
        """The term under the cursor."""
        at = self.cursor_row
        return self.shown[at].name if 0 <= at < len(self.shown) else None

    def on_resize(self, _: events.Resize) -> None:
        """Fit the columns to the new width."""
        self.rebuild()

    def on_focus(self) -> None:
        """Show the term under the cursor in the chart."""
        self.post_message(self.Chosen(self.term))

    def on_blur(self) -> None:
        """Take it out of the chart."""
        self.post_message(self.Chosen(None))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Follow the cursor."""
        event.stop()
        if self.has_focus:
            self.post_message(self.Chosen(self.term))

    def rebuild(self) -> None:
        """Fill the table for the present width: the trend takes what the numbers leave."""
        width = self.size.width
        if width <= 0:
            return
        self.shown = [t for t in self.terms if matches(self.wanted, t.name)] or list(self.terms)
        if len(self.shown) + 1 > self.size.height:  # the bar at the right would hide the end of the trends
            width -= self.styles.scrollbar_size_vertical
        heads = ["raw", "weight", "weighted", "share"] if width >= 58 else ["weighted", "share"]
        if not any(t.weighted is not None for t in self.terms):
            heads = ["raw", *heads[1:]] if width < 58 else heads
        room = width - sum(_WIDTHS[h] + 2 for h in heads) - 2 - 8
        name = min(max([len(t.name) for t in self.shown] + [6]) + 2, max(room - 10, 14), 26)
        spark = min(max(room - name - 1, 0), 40)
        layout = (name, tuple(heads), spark, self.app.current_theme.dark)
        cells = [self._cells(t, name, heads, spark) for t in self.shown]
        row = self.cursor_row
        self.show_header = self.show_cursor = bool(cells)
        same = layout == self._layout and self.row_count == len(cells)
        if not same:
            self._layout = layout
            self._columns(name, heads, spark)
            for number, line in enumerate(cells):
                self.add_row(*line, key=str(number))
            self.move_cursor(row=min(row, len(cells) - 1), animate=False)
        else:
            self._update(cells)
        self.border_subtitle = self._note()

    def _note(self) -> Content:
        if not self.terms:
            return Content("")
        hidden = len(self.terms) - len(self.shown)
        notes = [f"{hidden} hidden by the filter"] if hidden else []
        if self.source in ("raw", "weighted and raw"):
            notes.append("“raw” values sum to the loss: they are weighted")
        return Content.styled(" · ".join(notes), "$warning") if notes else Content("")

    def _columns(self, name: int, heads: Sequence[str], spark: int) -> None:
        self.clear(columns=True)
        muted = Style(bold=False)
        self.add_column(Text("  term", style=muted), width=name)
        for head in heads:
            self.add_column(Text(head, style=muted, justify="right"), width=_WIDTHS[head])
        self.add_column(Text("trend", style=muted), width=6 + (spark + 1 if spark >= 4 else 0))

    def _update(self, cells: Sequence[Sequence[Text]]) -> None:
        for y, line in enumerate(cells):
            for x, cell in enumerate(line):
                if self.get_cell_at(Coordinate(y, x)) != cell:
                    self.update_cell_at(Coordinate(y, x), cell)

    def _cells(self, term: Term, name: int, heads: Sequence[str], spark: int) -> list[Text]:
        ink = inks_of_table(self.app.current_theme.dark)
        colour = self._colours.get(term.name, ink["muted"])
        at = list(self._colours).index(term.name) if self.app.no_color and term.name in self._colours else None
        sign = "■" if at is None else PATTERNS[at % len(PATTERNS)]
        label = Text(f"{sign} ", style=colour) + Text(term.name, style=ink["text" if len(term.path) else "muted"])
        label.truncate(name, overflow="ellipsis")
        values = {"raw": term.raw, "weight": term.weight, "weighted": term.weighted}
        cells = [label]
        for head in heads:
            value = term.share if head == "share" else values[head]
            spelled = (
                "–" if value is None else (numerals.percent(value, 1) if head == "share" else numerals.full(value))
            )
            style = ink["muted"] if value is None else (ink["text"] if math.isfinite(value) else ink["error"])
            cells.append(Text(spelled, style=style, justify="right"))
        return [*cells, self._trend(term, spark, colour, ink)]

    def _trend(self, term: Term, spark: int, colour: str, ink: Mapping[str, str]) -> Text:
        line = Text()
        if spark >= 4:
            line.append(sparkline(self.histories.of(term.name, term.path).outline(spark), spark) + " ", style=colour)
        if not math.isfinite(term.trend):
            return line.append("–", style=ink["muted"])
        sign, tone = ("→", "muted") if abs(term.trend) < _FLAT else (("↘", "good") if term.trend < 0 else ("↗", "bad"))
        change = f"{min(abs(term.trend), 9.99) * 100:.0f}%"
        return line.append(f"{sign} {'>' if abs(term.trend) > 9.99 else ''}{change}", style=ink[tone])
