"""The table of terms: raw, weight, weighted, share, trend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message

from sad_doctor.views import numerals
from sad_doctor.views.palette import PATTERNS, inks_of_table
from sad_doctor.views.tui.charts.histories import Histories
from sad_doctor.views.tui.charts.spark import sparkline
from sad_doctor.views.tui.pages.finding_rows import matches
from sad_doctor.views.tui.pages.prose import Paragraph
from sad_doctor.views.tui.panes.list_pane import ListPane
from sad_doctor.views.tui.runs.snapshot import Term

_WIDTHS = {"raw": 8, "weight": 7, "weighted": 8, "share": 6}
_LEAST_SPARK = 3
"""Cells of the shortest trend that is drawn."""
_FLAT = 0.02
"""A change smaller than this fraction is no trend."""

Cells = list[Content]


class TermTable(ListPane):
    """One row a term; the row under the cursor is drawn in the loss chart."""

    class Chosen(Message):
        """The cursor is on another term; None for no term."""

        def __init__(self, term: str | None) -> None:
            super().__init__()
            self.term = term

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.terms: Sequence[Term] = ()
        self.shown: list[Term] = []
        self.cells: list[Cells] = []
        self.wanted = ""
        self.source = ""
        self._colours: Mapping[str, str] = {}
        self.histories = Histories()
        self._fitted: object = None
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
        at = self.highlighted
        return self.shown[at].name if at is not None and at < len(self.shown) else None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return the lines of all terms: a filter that hides some moves no other pane."""
        return len(self.terms) + bool(self.terms)

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns to the new width."""
        if self._fitted != self.size:
            self.rebuild()
        super().on_resize(event)
        event.prevent_default()

    def on_focus(self) -> None:
        """Show the term under the cursor in the chart."""
        self.post_message(self.Chosen(self.term))

    def on_blur(self) -> None:
        """Take it out of the chart."""
        self.post_message(self.Chosen(None))

    def on_list_pane_moved(self, event: ListPane.Moved) -> None:
        """Follow the cursor."""
        event.stop()
        if self.has_focus:
            self.post_message(self.Chosen(self.term))

    def rebuild(self) -> None:
        """Fill the table for the present width: the trend takes what the numbers leave."""
        if not self.size.width:
            return
        width = self.room
        self._fitted = self.size
        self.shown = [t for t in self.terms if matches(self.wanted, t.name)] or list(self.terms)
        heads = [head for head in _WIDTHS if any(_value(t, head) is not None for t in self.terms)]
        longest = min(max([len(t.name) for t in self.shown] + [6]) + 2, 40)
        for spare in ("raw", "weight", "share") if "weighted" in heads else ("weight", "share"):
            if _room(width, heads) < longest + 1 + _LEAST_SPARK:
                heads = [head for head in heads if head != spare]
        room = _room(width, heads)
        name = min(longest, max(room - _LEAST_SPARK - 1, 14))
        spark = min(max(room - name - 1, 0), 40)
        self.cells = [self._cells(t, name, heads, spark) for t in self.shown]
        widths = [name, *(_WIDTHS[h] for h in heads), 6 + (spark + 1 if spark >= _LEAST_SPARK else 0)]
        titles = ["  term", *heads, "trend"]
        self.head = _row([Content.styled(t, "$text-muted") for t in titles], widths) if self.cells else None
        at = self.highlighted
        self.fill([[Paragraph(_row(cells, widths), most=1)] for cells in self.cells], at or 0)
        self.border_subtitle = self._note()

    def _note(self) -> Content:
        if not self.terms:
            return Content("")
        hidden = len(self.terms) - len(self.shown)
        notes = [f"{hidden} hidden by the filter"] if hidden else []
        if self.source in ("raw", "weighted and raw"):
            notes.append("“raw” values are weighted already")
        return Content.styled(" · ".join(notes), "$warning") if notes else Content("")

    def _cells(self, term: Term, name: int, heads: Sequence[str], spark: int) -> Cells:
        ink = inks_of_table(self.app.current_theme.dark)
        colour = self._colours.get(term.name, ink["muted"])
        at = list(self._colours).index(term.name) if self.app.no_color and term.name in self._colours else None
        sign = "■" if at is None else PATTERNS[at % len(PATTERNS)]
        told = Content.styled(term.name, ink["text" if len(term.path) else "muted"])
        cells = [(Content.styled(f"{sign} ", colour) + told).truncate(name, ellipsis=True)]
        for head in heads:
            value = _value(term, head)
            spelled = (
                "–" if value is None else (numerals.percent(value, 1) if head == "share" else numerals.full(value))
            )
            style = ink["muted"] if value is None else (ink["text"] if math.isfinite(value) else ink["error"])
            cells.append(Content.styled(spelled, style))
        return [*cells, self._trend(term, spark, colour, ink)]

    def _trend(self, term: Term, spark: int, colour: str, ink: Mapping[str, str]) -> Content:
        line = Content("")
        if spark >= _LEAST_SPARK:
            path = self.histories.of(term.name, term.path).outline(spark)
            line = Content.styled(sparkline(path, spark) + " ", colour)
        if not math.isfinite(term.trend):
            return line + Content.styled("–", ink["muted"])
        sign, tone = ("→", "muted") if abs(term.trend) < _FLAT else (("↘", "good") if term.trend < 0 else ("↗", "bad"))
        change = f"{min(abs(term.trend), 9.99) * 100:.0f}%"
        return line + Content.styled(f"{sign} {'>' if abs(term.trend) > 9.99 else ''}{change}", ink[tone])


def _room(width: int, heads: Sequence[str]) -> int:
    """Cells that the numbers and the change leave for the name and the trend."""
    return width - sum(_WIDTHS[head] + 2 for head in heads) - 2 - 8


def _value(term: Term, head: str) -> float | None:
    return {"raw": term.raw, "weight": term.weight, "weighted": term.weighted, "share": term.share}[head]


def _row(cells: Cells, widths: Sequence[int]) -> Content:
    """Lay cells beside each other, all but the first and the last at the right of their columns."""
    laid = []
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        free = Content(" " * max(width - cell.cell_length, 0))
        laid.append(cell + free if number in (0, len(cells) - 1) else free + cell)
    return Content("  ").join(laid).rstrip()
