"""All panes, and what ties them together: cursor, chosen metric, chosen finding, chosen term."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget

from sad_doctor.finding import Finding
from sad_doctor.views import metrics, palette
from sad_doctor.views.tui import pages, story
from sad_doctor.views.tui.bands import Shares
from sad_doctor.views.tui.chart import Chart
from sad_doctor.views.tui.findings import FindingList
from sad_doctor.views.tui.plot import Mark, Plot
from sad_doctor.views.tui.prose import Page, Pane
from sad_doctor.views.tui.shares import SharePane
from sad_doctor.views.tui.snapshot import Snapshot
from sad_doctor.views.tui.terms import TermTable


class Board(Container):
    """Shows a snapshot in its panes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.loss, self.metric = Chart("Loss", id="loss"), Chart("Held-out text", id="metric")
        self.shares, self.terms = SharePane(id="shares"), TermTable(id="terms")
        self.findings, self.detail = FindingList(id="findings"), Pane("Detail", id="detail")
        self.cursor: float | None = None
        self._snapshot: Snapshot | None = None
        self._metric: str | None = None
        self._finding: Finding | None = None
        self._term: str | None = None

    def compose(self) -> ComposeResult:
        """Yield three columns: is it learning, what is it made of, what is wrong."""
        for widget in self.panes:
            widget.add_class("pane")
        yield Vertical(self.loss, self.metric, id="learning", classes="column")
        yield Vertical(self.shares, self.terms, id="parts", classes="column")
        yield Vertical(self.findings, self.detail, id="verdict", classes="column")

    @property
    def panes(self) -> tuple[Widget, ...]:
        """Every pane."""
        return self.loss, self.metric, self.shares, self.terms, self.findings, self.detail

    def show(self, snapshot: Snapshot) -> None:
        """Show another snapshot."""
        self._snapshot = snapshot
        self.set_class(not snapshot.terms, "-termless")
        self.set_class(bool(snapshot.terms) and not snapshot.shares, "-shareless")
        self._draw()
        self._draw_shares()
        self.terms.present(snapshot.terms, self._colours(), snapshot.parts)
        self.findings.show(snapshot.report, snapshot.run)

    def repaint(self) -> None:
        """Show the same again, in the colours of another theme."""
        if self._snapshot is not None:
            self.show(self._snapshot)

    def filter(self, wanted: str) -> None:
        """Show only findings and terms that hold every word of ``wanted``."""
        self.findings.filter(wanted)
        self.terms.narrow(wanted)

    def next_metric(self, by: int) -> str | None:
        """Show the next metric in the second chart; returns its title, None if there is none."""
        if self._snapshot is None:
            return None
        titles = [m.title for m in metrics.choices(self._snapshot.run, self._dark)]
        if not titles:
            return None
        here = titles.index(self._metric) if self._metric in titles else 0
        self._metric = titles[(here + by) % len(titles)]
        self._draw()
        return self._metric

    def toggle_log(self) -> None:
        """Change the scale of the chart that has the focus, else of both to the same."""
        focused = self.screen.focused
        if isinstance(focused, Chart):
            focused.toggle_log()
            return
        wanted = not self.loss.logarithmic
        for chart in (self.loss, self.metric):
            if chart.logarithmic != wanted:
                chart.toggle_log()

    def point_at(self, step: float | None) -> None:
        """Put the cursor of every pane on a step; None takes it away."""
        self.cursor = step
        self.loss.point_at(step)
        self.metric.point_at(step)
        self.shares.point_at(step)

    @on(Chart.CursorMoved)
    def _follow_cursor(self, event: Chart.CursorMoved) -> None:
        event.stop()
        self.point_at(event.step)

    @on(TermTable.Chosen)
    def _follow_term(self, event: TermTable.Chosen) -> None:
        event.stop()
        if event.term != self._term:
            self._term = event.term
            self._draw()

    @on(FindingList.Chosen)
    def _follow_finding(self, event: FindingList.Chosen) -> None:
        event.stop()
        self.detail.show(self.page_of(event.row))
        if event.row.finding is not self._finding:
            self._finding = event.row.finding
            self._draw()

    def page_of(self, row: story.Row) -> Page:
        """Return the page that belongs to a row of the list."""
        if row.finding is not None:
            return pages.finding_page(row.finding, self.findings.story_of(row.finding))
        if self._snapshot is None:
            return []
        return pages.extra_page(row.key, self._snapshot.report, self._snapshot.run)

    @property
    def _dark(self) -> bool:
        return self.app.current_theme.dark

    def _colours(self) -> dict[str, str]:
        return palette.colours((t.name for t in self._snapshot.terms) if self._snapshot else (), self._dark)

    def _draw(self) -> None:
        """Draw both charts."""
        if self._snapshot is None:
            return
        run, report = self._snapshot.run, self._snapshot.report
        marks = tuple(Mark(f.first_step, f.level) for f in report.findings if f.first_step is not None)
        span, steps = self._span(), self._snapshot.steps
        series = metrics.loss(run, self._dark, self._term_series())
        self.loss.show(Plot(series, marks, span, steps, empty="no loss logged yet"))
        choices = metrics.choices(run, self._dark)
        chosen = next((m for m in choices if m.title == self._metric), choices[0] if choices else None)
        if chosen is None:
            self.metric.show(Plot(empty="no held-out text measured yet"), "Held-out text")
        else:
            self._metric = chosen.title
            self.metric.show(Plot(chosen.series, marks, span, steps), chosen.title)

    def _draw_shares(self) -> None:
        if self._snapshot is not None:
            empty = "the log does not tell the parts" if self._snapshot.terms else "no terms logged yet"
            shares = Shares(self._snapshot.shares, self._colours(), self._snapshot.holes, self._snapshot.steps, empty)
            self.shares.show(shares)

    def _span(self) -> tuple[float, float] | None:
        if self._finding is None or self._finding.first_step is None:
            return None
        last = self._finding.last_step
        return self._finding.first_step, self._finding.first_step if last is None else last

    def _term_series(self) -> metrics.Overlay | None:
        assert self._snapshot is not None
        term = next((t for t in self._snapshot.terms if t.name == self._term), None)
        return None if term is None else (term.name, term.path, self._colours()[term.name])
