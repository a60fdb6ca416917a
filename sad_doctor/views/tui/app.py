"""The dashboard: follows its sources, judges them, shows one and compares it with the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from sad_doctor.readers.source import Source
from sad_doctor.views.plain import line
from sad_doctor.views.tui import exports
from sad_doctor.views.tui.commands import commands
from sad_doctor.views.tui.open_runs import OpenRuns, peek
from sad_doctor.views.tui.pages import rule_text
from sad_doctor.views.tui.pages.about import about_page
from sad_doctor.views.tui.pages.prose import BLANK
from sad_doctor.views.tui.pages.rules import rule_page, rule_rows
from sad_doctor.views.tui.panes.browser import Browser
from sad_doctor.views.tui.panes.findings import FindingList
from sad_doctor.views.tui.panes.header import Head
from sad_doctor.views.tui.panes.run_picker import Picker
from sad_doctor.views.tui.panes.sheet import help_page
from sad_doctor.views.tui.panes.tabs import ONE_RUN, TABS
from sad_doctor.views.tui.runs.snapshot import Judge, Snapshot
from sad_doctor.views.tui.shell import Shell

Opener = Callable[[Path], Source]


class DoctorApp(Shell):
    """Shows a run and what is wrong with it, beside others if there are.

    ``sources`` is one source or several; with none, one is chosen first among ``choices``, which ``opener`` opens
    and ``glance`` judges while one chooses.
    ``interval`` is the time between two looks at the log, in seconds; ``now`` tells the Unix time; ``label`` is shown
    in place of "LIVE"; ``started`` is called once the first screen is painted.
    """

    TITLE = "sad doctor"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("space", "pause", "Pause"),
        Binding("r", "runs", "Runs"),
        Binding("e", "export", "Picture"),
        Binding("E", "export_page", "Page"),
        Binding("y", "copy", "Copy the finding"),
    ]

    snapshot: reactive[Snapshot | None] = reactive(None, init=False, repaint=False)
    problem: reactive[str] = reactive("", init=False, repaint=False)
    paused: reactive[bool] = reactive(False, init=False, repaint=False)

    class Polled(Message):
        """A look at the logs is over: new snapshots by the number of the run, or an error."""

        def __init__(self, open_runs: OpenRuns, found: Mapping[int, Snapshot], problem: str = "") -> None:
            super().__init__()
            self.open_runs, self.found, self.problem = open_runs, found, problem

    def __init__(
        self,
        sources: Source | Sequence[Source],
        judge: Judge,
        *,
        interval: float = 0.5,
        now: Callable[[], float] = time.time,
        glance: Judge | None = None,
        choices: Sequence[Path] = (),
        opener: Opener | None = None,
        label: str = "",
        started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._started = started
        self._judge, self._interval, self._now, self._label = judge, interval, now, label
        self._glance = glance or judge
        self._choices, self._opener = choices, opener
        self._looking = False
        self.open_runs = OpenRuns(sources if isinstance(sources, Sequence) else [sources], judge, now)
        self.tabs.several = self.open_runs.several

    def on_mount(self) -> None:
        """Begin to follow the log, or to choose one."""
        self.theme_changed_signal.subscribe(self, lambda _: self._repaint())
        self.arrange()
        self.call_after_refresh(self._started)
        self.screen.set_focus(self.board.findings)
        self.set_interval(self._interval, self._timed)
        self.set_interval(1.0, self._draw_header)
        self.set_interval(1.0, self.collector.sweep)
        if self.open_runs.sources:
            self.look()
        else:
            self._draw_header()
            self.action_runs()

    # Following

    def look(self) -> None:
        """Look at the logs in a thread, unless a look is under way."""
        if not self._looking and self.open_runs.sources:
            self._looking = True
            self._poll(self.open_runs)

    def tick(self) -> None:
        """Look at the logs unless paused."""
        if not self.paused:
            self.look()

    def _timed(self) -> None:
        if self.open_runs.rested:
            self.tick()

    @work(thread=True, group="follow")
    def _poll(self, open_runs: OpenRuns) -> None:
        """Touches no widget: whatever it finds goes into one message."""
        self.post_message(self.Polled(open_runs, *open_runs.look()))

    @on(Polled)
    def _polled(self, event: Polled) -> None:
        if event.open_runs is not self.open_runs:  # of runs that have been left
            return
        self._looking = False
        self.problem = event.problem
        self.open_runs.keep(event.found)
        if self.open_runs.front in event.found:
            self.snapshot = event.found[self.open_runs.front]
        elif event.found:
            self._show()
        if any(snapshot.opened < 1 for snapshot in event.found.values()):
            self.tick()

    def watch_snapshot(self) -> None:
        """Hand the new snapshot to the panes."""
        self._show()

    def _show(self) -> None:
        self._draw_header()
        if self.snapshot is not None:
            self.board.show(self.snapshot, self.open_runs.own, self.open_runs.rivals(self.current_theme.dark))
        self.draw_page()
        if self.snapshot is not None and self.snapshot.opened >= 1:
            self.prerenderer.begin((self.size, self.theme, self.open_runs.front), self._pieces)

    def _pieces(self) -> Iterator[None]:
        """What the first look at each page needs, in pieces that take less than a frame."""
        for chart in [one for one in (self.board.loss, self.board.metric) if not one.size]:
            chart.prepare(self.size.width - chart.styles.gutter.width)
            yield
        if not self.sheet.display:
            self.sheet.show(help_page())
        self.prepare(self.sheet)
        yield
        for name, parts in (
            ("Rules", (self.rules.list, self.rules.page)),
            ("Log", (self.log_pane,)),
            ("Recipe", (self.recipe,)),
        ):
            if self.snapshot is not None:
                self._draw_page(name, self.snapshot)
            yield
            for part in parts:
                self.prepare(part)
                yield

    def watch_problem(self) -> None:
        """Show what went wrong, or that it went away."""
        self._draw_header()

    def watch_paused(self, paused: bool) -> None:
        """Say it; look at once when going on."""
        self._draw_header()
        if not paused:
            self.look()

    def _draw_header(self) -> None:
        one, now = self.snapshot, self._now()
        if one is None:
            said = "opening …" if self.open_runs.sources else "choose a run"
            self.header.head = Head(error=self.problem, paused=self.paused, now=now, label=self._label, nameless=said)
        else:
            self.header.head = Head(
                *(one.run, one.report, self.problem, self.paused, now, one.opened, one.last, one.tempo), self._label
            )

    def _repaint(self) -> None:
        self.board.repaint()
        self._show()

    def draw_page(self) -> None:
        """Fill the page of the tab that is shown."""
        if self.snapshot is not None:
            self._draw_page(TABS[self.tab_shown - 1], self.snapshot)

    def _draw_page(self, name: str, snapshot: Snapshot) -> None:
        if name == "Rules":
            report = snapshot.report
            self.rules.show(rule_rows(report), lambda code: rule_page(code, report))
        elif name == "Log":
            self.log_pane.show(self.open_runs.sources[self.open_runs.front].path, snapshot.run.tail)
        elif name == "Recipe":
            self.recipe.show(about_page(snapshot.run))
        elif name == "Runs":
            self.runs.show(self.open_runs.rows(self.current_theme.dark, self.no_color), self.open_runs.page)

    # Keys

    async def action_quit(self) -> None:
        """Leave; a log that is still being opened is read no further."""
        self.open_runs.stop()
        await super().action_quit()

    def action_pause(self) -> None:
        """Stop following the log, or go on."""
        self.paused = not self.paused

    def action_runs(self) -> None:
        """Choose among the runs of the folder, or go to the list of those that are open."""
        if self._choices and self._opener and not self.above:
            opener = self._opener
            picker = Picker(self._choices, self._now, lambda path: peek(opener(path), self._glance))
            self.push_screen(picker, self._chosen)
        elif self.open_runs.several:
            self.action_tab(len(TABS))
        elif not self.above:
            self.notify(ONE_RUN, markup=False)

    def _chosen(self, paths: list[Path] | None) -> None:
        opened = []
        for path in paths or []:
            try:
                assert self._opener is not None
                opened.append(self._opener(path))
            except Exception as error:
                self.notify(line(str(error)), severity="error", markup=False)
        if opened:
            self.open_runs.stop()
            self.open_runs = OpenRuns(opened, self._judge, self._now)
            self.tabs.several, self._looking = self.open_runs.several, False
            self.board.forget()
            self.look()
        elif not self.open_runs.sources:
            self.exit()

    @on(Browser.Opened)
    def _browsed(self, event: Browser.Opened) -> None:
        if event.browser is self.runs and int(event.key) in self.open_runs.snapshots:
            self.open_runs.front = int(event.key)
            self.board.forget()
            self.snapshot = self.open_runs.snapshots[self.open_runs.front]
        elif event.browser is self.rules and self.snapshot is not None:
            self.sheet.open("Rule", rule_page(event.key, self.snapshot.report))

    @on(FindingList.Opened)
    def _opened(self, event: FindingList.Opened) -> None:
        found = event.row.finding
        rule = rule_text.page_of(found.rule) if found is not None else []
        page = [*self.board.page_of(event.row), *([BLANK, BLANK, *rule] if rule else [])]
        self.sheet.open("Details" if found is None else "Finding", page, finding=found is not None)

    def action_export(self) -> None:
        """Save a picture of the screen into the working folder, and say where."""
        name = self.snapshot.run.name if self.snapshot else ""
        self._saved("picture", lambda: exports.save_screen(self, name, self._now()))

    def action_export_page(self) -> None:
        """Save the report with its charts as one HTML page into the working folder, and say where."""
        if (snapshot := self.snapshot) is not None:
            self._saved("page", lambda: exports.save_page(snapshot, self._now()))

    def _saved(self, what: str, save: Callable[[], Path]) -> None:
        try:
            path = save()
        except OSError as error:
            self.notify(f"no {what}: {error}", severity="error", markup=False)
        else:
            self.notify(f"{what} saved: {path}", markup=False)

    def action_copy(self) -> None:
        """Copy the highlighted finding as text, by the terminal's own clipboard sequence (OSC 52)."""
        row = self.board.findings.row
        if row is None or row.finding is None:
            self.notify("no finding is highlighted: nothing copied", severity="warning", markup=False)
            return
        self.copy_to_clipboard(exports.finding_text(row.finding))
        self.notify(
            f"sent to the terminal's clipboard: {row.finding.rule} {line(row.finding.headline, 100)}", markup=False
        )

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """Yield the commands of the palette."""
        yield from commands(self)
