"""All panes of one run, and what ties them together: window, cursor, metric, finding, term."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget

from sad_doctor import names
from sad_doctor.finding import Finding
from sad_doctor.run import Floats
from sad_doctor.views import metrics, palette
from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts import zoom
from sad_doctor.views.tui.charts.bands import Shares
from sad_doctor.views.tui.charts.chart import Chart
from sad_doctor.views.tui.charts.plot import Mark, Plot
from sad_doctor.views.tui.charts.shares import SharePane
from sad_doctor.views.tui.layout import shown
from sad_doctor.views.tui.pages import compare, detail, finding_rows
from sad_doctor.views.tui.pages.prose import Page
from sad_doctor.views.tui.panes.findings import FindingList
from sad_doctor.views.tui.panes.pane import Pane
from sad_doctor.views.tui.panes.terms import TermTable
from sad_doctor.views.tui.runs.snapshot import Snapshot, Verdict
from sad_doctor.views.tui.screen import classed, tell

SMOOTHING = (0.0, 0.005, 0.015, 0.04)
"""What the lines can be smoothed by: the standard deviation of a normal window, as a share of the steps in view."""


class Board(Container):
    """Shows a snapshot in its panes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.loss, self.metric = Chart("Loss", id="loss"), Chart("Held-out text", id="metric")
        self.shares, self.terms = SharePane(id="shares"), TermTable(id="terms")
        self.findings, self.detail = FindingList(id="findings"), Pane("Detail", id="detail")
        self.columns = (
            Vertical(self.loss, self.metric, id="learning", classes="column"),
            Vertical(self.shares, self.terms, id="parts", classes="column"),
            Vertical(self.findings, self.detail, id="verdict", classes="column"),
        )
        self.cursor: float | None = None
        self.window: zoom.Window | None = None
        self._snapshot: Snapshot | None = None
        self._verdict: Verdict | None = None
        self._own = compare.Own()
        self._rivals: tuple[compare.Rival, ...] = ()
        self._metric: str | None = None
        self._finding: Finding | None = None
        self._term: str | None = None

    def compose(self) -> ComposeResult:
        """Yield three columns: is it learning, what is it made of, what is wrong."""
        for widget in self.panes:
            widget.add_class("pane", update=False)
        yield from self.columns

    def pick(self, tab: int | None, tiny: bool = False) -> None:
        """Show what belongs to one of the first four tabs and nothing else; everything for None."""
        for widget in (*self.columns, *self.panes):
            tell(widget, "display", None if tab is None else "block" if widget.id in shown(tab, tiny) else "none")
        brief = tab == 1 and not tiny
        for widget, most in ((self.columns[2], "55%"), (self.findings, "100%")):
            tell(widget, "height", "auto" if brief else None)
            tell(widget, "max_height", most if brief else None)

    @property
    def panes(self) -> tuple[Widget, ...]:
        """Every pane."""
        return self.loss, self.metric, self.shares, self.terms, self.findings, self.detail

    @property
    def termless(self) -> bool:
        """Whether a run is shown whose log tells no terms."""
        return self._snapshot is not None and not self._snapshot.verdict.terms

    @property
    def bare(self) -> bool:
        """Whether a run is shown whose log has nothing for the second chart."""
        return self._snapshot is not None and not metrics.choices(self._snapshot.run, self._dark)

    @property
    def whole(self) -> zoom.Window | None:
        """The first and the last step of all runs shown."""
        every = [s.steps for s in (self._snapshot, *(r.snapshot for r in self._rivals)) if s and s.steps]
        return (min(a for a, _ in every), max(b for _, b in every)) if every else None

    @property
    def _logged(self) -> Floats:
        """The steps at which the loss was logged, of all runs shown; of the longest column where there is no loss."""
        runs = [s.run.columns for s in (self._snapshot, *(r.snapshot for r in self._rivals)) if s]
        columns = [one.get(names.LOSS) or max(one.values(), key=len, default=None) for one in runs]
        return np.concatenate([np.zeros(0), *(column.step for column in columns if column is not None)])

    @property
    def _steps(self) -> zoom.Window | None:
        return self.window or self.whole

    def show(self, snapshot: Snapshot, own: compare.Own | None = None, rivals: Sequence[compare.Rival] = ()) -> None:
        """Show another snapshot; ``rivals`` are other runs to draw beside it, which then is called ``own``."""
        before, rivals = self.whole, compare.together(snapshot, rivals)
        self._snapshot, self._own, self._rivals = snapshot, own or compare.Own(), tuple(rivals)
        self.window = zoom.followed(self.window, before, self.whole)
        ready = {key: history for s in (snapshot, *(r.snapshot for r in rivals)) for key, history in s.ready.items()}
        for histories in (self.loss.decimator.histories, self.metric.decimator.histories, self.terms.histories):
            histories.ready = ready
        self.shares.bands.histories.ready = ready
        self._draw()
        verdict = snapshot.verdict
        told, some = ("-bare", "-termless", "-shareless"), bool(verdict.terms)
        classed(self, dict(zip(told, (self.bare and not rivals, not some, some and not verdict.shares), strict=True)))
        if verdict is not self._verdict:
            self._verdict = verdict
            self.terms.present(verdict.terms, self._colours(), verdict.parts)
            self.findings.held |= self.detail.has_focus or self.detail.scroll_y > 0  # somebody reads it
            self.findings.show(snapshot)

    def repaint(self) -> None:
        """Show the same again, in the colours of another theme."""
        if self._snapshot is not None:
            self._verdict = None
            self.show(self._snapshot, self._own, self._rivals)

    def forget(self) -> None:
        """Another run comes to the front: no window, no cursor of the last one."""
        self.window = self._finding = self._term = self._verdict = None
        self.point_at(None)

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
        self.show_metric(titles[(here + by) % len(titles)])
        return self._metric

    def show_metric(self, title: str) -> None:
        """Show the metric of this title in the second chart."""
        self._metric = title
        self._draw_metric()

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

    def next_smoothing(self) -> None:
        """Smooth the lines over the next longer stretch; after the longest, not at all."""
        share = SMOOTHING[(SMOOTHING.index(self.loss.smoothing) + 1) % len(SMOOTHING)]
        self.loss.smooth(share)
        self.metric.smooth(share)

    def look_at(self, factor: float = 1.0, at: float | None = None, by: float = 0.0) -> None:
        """Show ``factor`` times as many steps about a step (the cursor for None), moved by a share of the window."""
        whole = self.whole
        if whole is None:
            return
        if math.isinf(factor):
            self._set_window(None)
        elif by:
            self._set_window(zoom.panned(self.window, whole, by))
        else:
            self._set_window(zoom.zoomed(self.window, whole, factor, self.cursor if at is None else at))

    def jump(self) -> bool:
        """Show the steps of the highlighted finding, the cursor on its first; False if it has none."""
        span, whole = self._span(), self.whole
        if span is None or whole is None:
            return False
        self.findings.held = True
        self._set_window(zoom.around(span, whole))
        self.point_at(span[0])
        return True

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

    @on(Chart.Zoomed)
    def _follow_zoom(self, event: Chart.Zoomed) -> None:
        event.stop()
        if event.span is not None and self.whole is not None:
            self._set_window(zoom.clamped(event.span, self.whole))
        else:
            self.look_at(event.factor, event.at, event.by)

    @on(TermTable.Chosen)
    def _follow_term(self, event: TermTable.Chosen) -> None:
        event.stop()
        if event.term != self._term:
            self._term = event.term
            self._draw_loss()

    @on(FindingList.Chosen)
    def _follow_finding(self, event: FindingList.Chosen) -> None:
        event.stop()
        page, finding = self.page_of(event.row), event.row.finding
        self.detail.border_title = detail.heading(finding)
        self.detail.show(page if finding is None else detail.below_row(page))
        if finding is not self._finding:
            self._finding = finding
            self._draw_loss()
            self._draw_metric()

    def page_of(self, row: finding_rows.Row) -> Page:
        """Return the page that belongs to a row of the list."""
        if row.finding is not None:
            return detail.finding_page(row.finding, self.findings.story_of(row.finding))
        if self._snapshot is None:
            return []
        return detail.extra_page(row.key, self._snapshot.report, self._snapshot.run)

    @property
    def _dark(self) -> bool:
        return self.app.current_theme.dark

    def _colours(self) -> dict[str, str]:
        return palette.colours((t.name for t in self._snapshot.verdict.terms) if self._snapshot else (), self._dark)

    def _set_window(self, window: zoom.Window | None) -> None:
        if window is not None and self.whole is not None:
            window = zoom.filled(window, self.whole, self._logged)
        if window != self.window:
            self.window = window
            self._draw()

    def _draw(self) -> None:
        """Draw charts and shares."""
        snapshot = self._snapshot
        if snapshot is None:
            return
        self._draw_loss()
        self._draw_metric()
        verdict = snapshot.verdict
        empty = "the log does not tell the parts" if verdict.terms else "no terms logged yet"
        self.shares.show(Shares(verdict.shares, self._colours(), verdict.holes, self._steps, empty, self.app.no_color))

    def _draw_loss(self) -> None:
        if (snapshot := self._snapshot) is not None:
            series = metrics.loss(snapshot.run, self._dark, self._term_series())
            series = compare.against(series, names.LOSS, self._own, self._rivals)
            self.loss.zoomed = self.window is not None
            self.loss.show(self._plot(snapshot, series, "no loss logged yet"))

    def _draw_metric(self) -> None:
        if (snapshot := self._snapshot) is None:
            return
        choices = metrics.choices(snapshot.run, self._dark)
        chosen = next((m for m in choices if m.title == self._metric), choices[0] if choices else None)
        self.metric.zoomed = self.window is not None
        if chosen is None:
            self.metric.show(Plot(empty="no held-out text measured yet"), "Held-out text")
        else:
            series = compare.against(chosen.series, chosen.column, self._own, self._rivals)
            self.metric.show(self._plot(snapshot, series), chosen.title)

    def _plot(self, snapshot: Snapshot, series: Sequence[Series], empty: str = "nothing logged yet") -> Plot:
        """The series with what both charts show of findings and of the run."""
        marks = tuple(Mark(f.first_step, f.level) for f in snapshot.report.findings if f.first_step is not None)
        seams = tuple(e.step for e in snapshot.run.events if e.kind == names.EVENT_RESUME and e.step is not None)
        return Plot(series, marks, self._span(), self._steps, empty=empty, seams=seams)

    def _span(self) -> tuple[float, float] | None:
        first, last = (self._finding.first_step, self._finding.last_step) if self._finding else (None, None)
        return None if first is None else (first, first if last is None else last)

    def _term_series(self) -> metrics.Overlay | None:
        assert self._snapshot is not None
        term = next((t for t in self._snapshot.verdict.terms if t.name == self._term), None)
        return None if term is None else (term.name, term.path, self._colours()[term.name])
