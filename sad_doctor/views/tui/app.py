"""The dashboard: follows a source, judges it, shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Input

from sad_doctor.views.plain import line
from sad_doctor.views.tui import layout, rulepage, theme
from sad_doctor.views.tui.board import Board
from sad_doctor.views.tui.findings import FindingList
from sad_doctor.views.tui.header import Head, Header
from sad_doctor.views.tui.keybar import KeyBar
from sad_doctor.views.tui.prose import BLANK
from sad_doctor.views.tui.sheet import Sheet, help_page
from sad_doctor.views.tui.snapshot import Judge, Snapshot, Source, Watch
from sad_doctor.views.tui.svg import file_name, picture
from sad_doctor.views.tui.tabs import TABS, TabStrip


class DoctorApp(App[None]):
    """Shows a run and what is wrong with it.

    ``interval`` is the time between two looks at the log, in seconds; ``now`` tells the Unix time.
    """

    TITLE = "sad doctor"
    CSS_PATH = "doctor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("question_mark", "help", "Help"),
        Binding("slash", "filter", "Filter", priority=True),
        Binding("space", "pause", "Pause"),
        Binding("tab", "next_pane(False)", "Next pane", priority=True),
        Binding("shift+tab", "next_pane(True)", "Previous pane", priority=True),
        Binding("l", "log_scale", "Log scale"),
        Binding("m", "metric(1)", "Next metric"),
        Binding("M", "metric(-1)", "Previous metric"),
        Binding("z", "zoom", "Zoom"),
        Binding("e", "export", "Picture"),
        Binding("escape", "escape", "Back"),
        *(Binding(str(n), f"tab({n})", name, priority=True) for n, name in enumerate(TABS, 1)),
    ]

    snapshot: reactive[Snapshot | None] = reactive(None, init=False)
    problem: reactive[str] = reactive("", init=False)
    paused: reactive[bool] = reactive(False, init=False)
    tab_shown: reactive[int] = reactive(1, init=False)

    class Polled(Message):
        """A look at the log is over: a new snapshot, nothing new, or an error."""

        def __init__(self, snapshot: Snapshot | None, problem: str = "") -> None:
            super().__init__()
            self.snapshot = snapshot
            self.problem = problem

    def __init__(
        self, source: Source, judge: Judge, *, interval: float = 0.5, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._watch, self._interval, self._now = Watch(source, judge), interval, now
        self._looking = False
        self.header, self.tabs, self.board = Header(), TabStrip(), Board(id="body")
        self.wanted = Input(placeholder="filter findings and terms", id="filter", compact=True)
        self.register_theme(theme.DARK)
        self.register_theme(theme.LIGHT)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return what the style sheet needs and the built-in themes lack."""
        return {"grid": "#80808030"}

    def compose(self) -> ComposeResult:
        """Yield head, tabs, panes, filter, keys."""
        yield self.header
        yield self.tabs
        yield self.board
        yield self.wanted
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to follow the log."""
        self.theme = "doctor-dark"
        self.theme_changed_signal.subscribe(self, lambda _: self.board.repaint())
        self._arrange()
        self.screen.set_focus(self.board.findings)
        self.look()
        self.set_interval(self._interval, self._timed)
        self.set_interval(1.0, self._draw_header)

    def look(self) -> None:
        """Look at the log in a thread, unless a look is under way."""
        if not self._looking:
            self._looking = True
            self._poll()

    def tick(self) -> None:
        """Look at the log unless paused."""
        if not self.paused:
            self.look()

    def _timed(self) -> None:
        if self._watch.rested:
            self.tick()

    @work(thread=True, group="follow")
    def _poll(self) -> None:
        """Touches no widget: whatever it finds goes into one message."""
        try:
            message = self.Polled(self._watch.look())
        except Exception as error:  # a log may vanish or be half written: say so and look again
            message = self.Polled(None, line(f"{type(error).__name__}: {error}"))
        self.post_message(message)

    @on(Polled)
    def _polled(self, event: Polled) -> None:
        self._looking = False
        self.problem = event.problem
        if event.snapshot is not None:
            self.snapshot = event.snapshot
            if event.snapshot.opened < 1:
                self.tick()

    def watch_snapshot(self, snapshot: Snapshot) -> None:
        """Hand the new snapshot to the panes."""
        self._draw_header()
        self.board.show(snapshot)

    def watch_problem(self) -> None:
        """Show what went wrong, or that it went away."""
        self._draw_header()

    def watch_paused(self, paused: bool) -> None:
        """Say it; look at once when going on."""
        self._draw_header()
        if not paused:
            self.look()

    def watch_tab_shown(self, tab: int) -> None:
        """Show the panes of another tab."""
        self.tabs.active = tab
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout for the new size."""
        self._arrange(event.size)

    def _arrange(self, size: Size | None = None) -> None:
        wanted = layout.classes(*(size or self.size), self.tab_shown)
        screen = self.screen_stack[0]
        screen.remove_class(*(layout.CLASSES - wanted))
        screen.add_class(*wanted)

    def _draw_header(self) -> None:
        snapshot = self.snapshot
        run, report = (snapshot.run, snapshot.report) if snapshot else (None, None)
        opened = snapshot.opened if snapshot else 1.0
        self.header.head = Head(run, report, self.problem, self.paused, self._now(), opened)

    # Keys

    @property
    def _above(self) -> bool:
        """Whether a screen lies above the dashboard."""
        return len(self.screen_stack) > 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys that move the focus, and so come before all others, to a text that is being typed."""
        if action in ("filter", "tab"):
            return not self._above and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    async def action_quit(self) -> None:
        """Leave; a log that is still being opened is read no further."""
        self._watch.stop()
        await super().action_quit()

    def action_help(self) -> None:
        """Show keys and signs."""
        self.push_screen(Sheet("Help", help_page()))

    def action_pause(self) -> None:
        """Stop following the log, or go on."""
        self.paused = not self.paused

    def action_log_scale(self) -> None:
        """Change between linear and logarithmic."""
        if not self._above:
            self.board.toggle_log()

    def action_metric(self, by: int) -> None:
        """Show another metric in the second chart."""
        if self.board.next_metric(by) is not None and "-small" in self.screen_stack[0].classes:
            self.tab_shown = 2

    def action_zoom(self) -> None:
        """Let the pane with the focus fill the screen, and back."""
        screen = self.screen_stack[0]
        if screen.maximized is not None:
            screen.minimize()
        elif screen.focused is not None:
            screen.maximize(screen.focused, container=False)

    def action_tab(self, tab: int) -> None:
        """Go to a tab, or to the pane that it stands for."""
        self._go(tab, {1: "loss", 2: "metric", 3: "terms", 4: "findings"}[tab])

    def action_next_pane(self, back: bool) -> None:
        """Go to the next or the previous pane; in what lies above the dashboard, to the next widget."""
        if self._above:
            (self.screen.focus_previous if back else self.screen.focus_next)()
            return
        focused = self.focused.id if self.focused else None
        if "-small" in self.screen.classes:
            self._go(*layout.next_stop(self.tab_shown, focused, back))
        else:
            order = layout.ORDER
            at = order.index(focused) if focused in order else -1
            self._go(self.tab_shown, order[(at + (-1 if back else 1)) % len(order)])

    def _go(self, tab: int, pane: str) -> None:
        self.screen.minimize()
        self.tab_shown = tab
        self.screen.set_focus(self.board.query_one(f"#{pane}"))

    @on(TabStrip.Picked)
    def _picked(self, event: TabStrip.Picked) -> None:
        self.action_tab(event.tab)

    def action_filter(self) -> None:
        """Open the filter."""
        if not self._above:
            self.wanted.add_class("-open")
            self.screen.set_focus(self.wanted)

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self.board.filter(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        if not self.wanted.value.strip():
            self.wanted.remove_class("-open")
        self.screen.set_focus(self.board.findings)

    def action_escape(self) -> None:
        """Close the filter, then the zoom, then take the cursor away."""
        if self.wanted.has_class("-open"):
            self.wanted.value = ""
            self.wanted.remove_class("-open")
            self.screen.set_focus(self.board.findings)
        elif self.screen.maximized is not None:
            self.screen.minimize()
        else:
            self.board.point_at(None)

    @on(FindingList.Opened)
    def _opened(self, event: FindingList.Opened) -> None:
        page = list(self.board.page_of(event.row))
        if event.row.finding is not None and (rule := rulepage.page_of(event.row.finding.rule)):
            page += [BLANK, BLANK, *rule]
        self.push_screen(Sheet("Finding" if event.row.finding else "Details", page))

    def action_export(self) -> None:
        """Save a picture of the screen into the working folder, and say where."""
        name = self.snapshot.run.name if self.snapshot else ""
        path = Path.cwd() / file_name(name, self._now())
        try:
            path.write_text(picture(self, line(f"sad doctor {name}")), encoding="utf-8")
        except OSError as error:
            self.notify(f"no picture: {error}", severity="error", markup=False)
        else:
            self.notify(f"picture saved: {path}", markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """Yield the commands of the palette."""
        yield SystemCommand("Pause or go on", "Stop following the log, or go on", self.action_pause)
        yield SystemCommand("Filter", "Show only findings and terms that hold some words", self.action_filter)
        yield SystemCommand("Scale", "Linear or logarithmic value axis", self.action_log_scale)
        yield SystemCommand("Next metric", "Another metric in the second chart", lambda: self.action_metric(1))
        yield SystemCommand("Zoom", "Let the pane fill the screen, and back", self.action_zoom)
        yield SystemCommand("Picture", "Save this screen as SVG", lambda: self.call_after_refresh(self.action_export))
        yield SystemCommand("Dark theme", "Light on dark", lambda: setattr(self, "theme", "doctor-dark"))
        yield SystemCommand("Light theme", "Dark on light", lambda: setattr(self, "theme", "doctor-light"))
        yield SystemCommand("Theme", "Choose from all themes", self.action_change_theme)
        yield SystemCommand("Help", "Keys and signs", self.action_help)
        yield SystemCommand("Quit", "Leave the dashboard", self.action_quit)
