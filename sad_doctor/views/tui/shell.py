"""The frame of the dashboard: head, tabs, panes, filter, and the keys that move among them."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Input

from sad_doctor.views.tui import layout, theme
from sad_doctor.views.tui.board import Board
from sad_doctor.views.tui.charts.chart import Chart
from sad_doctor.views.tui.pages import rule_text
from sad_doctor.views.tui.painting.garbage import Collector
from sad_doctor.views.tui.painting.prerender import Prerenderer
from sad_doctor.views.tui.panes.browser import Browser
from sad_doctor.views.tui.panes.header import Header
from sad_doctor.views.tui.panes.key_bar import KeyBar
from sad_doctor.views.tui.panes.list_pane import ListPane
from sad_doctor.views.tui.panes.log_pane import LogPane
from sad_doctor.views.tui.panes.pane import Pane
from sad_doctor.views.tui.panes.sheet import Sheet, help_page
from sad_doctor.views.tui.panes.tabs import ONE_RUN, TABS, TabStrip
from sad_doctor.views.tui.screen import DashboardScreen

BOARD_TABS = 4
"""The tabs from the first to this one are panes of the board; the others take the whole screen."""
SHEET = 100
"""Cells of the page above the others in a wide terminal, as the style sheet has it."""


class Shell(App[None]):
    """Arranges the panes for the size of the terminal and moves among them; knows nothing of logs."""

    CSS_PATH = "doctor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help"),
        Binding("slash", "filter", "Filter", priority=True),
        Binding("tab", "next_pane(False)", "Next pane", priority=True),
        Binding("shift+tab", "next_pane(True)", "Previous pane", priority=True),
        Binding("l", "log_scale", "Log scale"),
        Binding("s", "smooth", "Smooth"),
        Binding("plus,equals_sign", "window(0.5)", "Closer"),
        Binding("minus", "window(2)", "Farther"),
        Binding("less_than_sign,left_square_bracket", "pan(-0.5)", "Earlier"),
        Binding("greater_than_sign,right_square_bracket", "pan(0.5)", "Later"),
        Binding("0", "all_steps", "All steps"),
        Binding("m", "metric(1)", "Next metric"),
        Binding("M", "metric(-1)", "Previous metric"),
        Binding("g", "jump", "Jump to the steps of the finding"),
        Binding("z", "zoom", "Zoom"),
        Binding("escape", "escape", "Back"),
        *(Binding(str(n), f"tab({n})", name, priority=True) for n, name in enumerate(TABS, 1)),
    ]

    tab_shown: reactive[int] = reactive(1, init=False, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._board_tab, self.collector, self.dashboard = 1, Collector(), DashboardScreen(self.name_keys, id="_default")
        self.header, self.tabs, self.board = Header(), TabStrip(), Board(id="body")
        self.rules = Browser("Rules", "⏎ page", rule_text.title_of, id="rules")
        self.log_pane, self.recipe = LogPane(id="log"), Pane("Recipe and environment", id="recipe", column=60)
        self.runs = Browser("Runs", "⏎ bring to the front", lambda _: "Run", id="runs")
        self.sheet, self.keys = Sheet(id="sheet"), KeyBar()
        self.wanted = Input(placeholder="filter findings, terms and the log; esc ends it", id="filter", compact=True)
        self.wanted.display = False
        self.prerenderer = Prerenderer(self, lambda: self.collector.resting)
        self.animation_level = "none"  # a page that glides is a page that comes late
        self.register_theme(theme.DARK)
        self.register_theme(theme.LIGHT)
        # a theme that is set once the app runs has the whole style sheet parsed and applied a second time
        self.set_reactive(App.theme, theme.DARK.name)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_default_screen(self) -> Screen[object]:
        """Return the screen with the layout for its size: to style it twice would take as long as to paint it."""
        self.dashboard.add_class(*layout.classes(*self.size), update=False)
        return self.dashboard

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return what the style sheet needs and the built-in themes lack."""
        return {"grid": "#80808030", "ghost": "#80808060"}

    def compose(self) -> ComposeResult:
        """Yield head, tabs, panes, filter, keys."""
        yield self.header
        yield self.tabs
        yield self.board
        self.recipe.add_class("pane", update=False)
        self.sheet.add_class("pane", update=False)
        yield from (self.rules, self.log_pane, self.recipe, self.runs)
        yield self.wanted
        yield self.keys
        yield self.sheet

    async def on_event(self, event: events.Event) -> None:
        """Notice that somebody is here."""
        if isinstance(event, events.InputEvent):
            self.collector.touch()
        await super().on_event(event)

    def arrange(self, size: Size | None = None) -> None:
        """Choose the layout for a size in cells, that of the terminal for None."""
        if self.tab_shown <= BOARD_TABS:
            self._board_tab = self.tab_shown
        wanted = layout.classes(*(size or self.size))
        screen = self.screen_stack[0]
        if (screen.classes & layout.CLASSES) != wanted:
            screen.remove_class(*layout.CLASSES, update=False)
            screen.add_class(*wanted)
        alone = self.dashboard.alone
        self.dashboard.restore()
        self.board.pick(self._board_tab if "-small" in wanted else None, "-tiny" in wanted)
        if alone is not None:
            self.dashboard.isolate(alone)
        self.board.display = self.tab_shown <= BOARD_TABS
        for tab, page in enumerate((self.rules, self.log_pane, self.recipe, self.runs), BOARD_TABS + 1):
            page.display = tab == self.tab_shown

    def draw_page(self) -> None:
        """Fill the page of the tab that is shown; pages that nobody sees cost nothing."""

    def watch_tab_shown(self, tab: int) -> None:
        """Show the panes of another tab."""
        self.tabs.active = tab
        self.arrange()
        self.draw_page()

    def prepare(self, part: Pane | ListPane | LogPane) -> None:
        """Let a part of a page that is not shown lay itself out for the room that it will have."""
        width, height = self.size
        if part is self.sheet:
            width = min(width - part.styles.margin.width, SHEET)
        elif "-small" not in self.dashboard.classes and part in (self.rules.list, self.rules.page):
            width = width * 2 // 5 if part is self.rules.list else width - width * 2 // 5
        part.prepare(width - part.styles.gutter.width, height)

    def name_keys(self) -> None:
        """Name the keys that do something where the focus is."""
        focused = self.dashboard.focused
        if focused is self.sheet:
            self.keys.place = "finding" if self.sheet.of_finding else "sheet"
        elif isinstance(focused, Chart):
            self.keys.place = "chart"
        elif focused in (self.board.findings, self.board.detail):
            self.keys.place = "findings" if focused is self.board.findings else "detail"
        elif focused in (self.rules.list, self.runs.list):
            self.keys.place = "list"
        elif focused is self.log_pane:
            self.keys.place = "log"
        else:
            self.keys.place = "board" if self.tab_shown <= BOARD_TABS else "page"

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout for the new size."""
        self.arrange(event.size)

    @property
    def above(self) -> bool:
        """Whether a page or a screen lies above the panes."""
        return self.sheet.display or len(self.screen_stack) > 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys that come before all others to a text that is being typed, and to screens above."""
        if action in ("filter", "tab"):
            return not self.above and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_help(self) -> None:
        """Show keys and signs."""
        self.sheet.open("Help", help_page())

    def action_log_scale(self) -> None:
        """Change between linear and logarithmic."""
        if not self.above:
            self.board.toggle_log()

    def action_smooth(self) -> None:
        """Smooth the lines of both charts over the next longer stretch, or not at all."""
        if not self.above:
            self.board.next_smoothing()

    def action_all_steps(self) -> None:
        """Show the whole run."""
        self.action_window(float("inf"))

    def action_window(self, factor: float) -> None:
        """Show ``factor`` times as many steps."""
        if not self.above:
            self.board.look_at(factor)

    def action_pan(self, by: float) -> None:
        """Move the window by a share of its width."""
        if not self.above:
            self.board.look_at(by=by)

    def action_metric(self, by: int) -> None:
        """Show another metric in the second chart."""
        if self.board.next_metric(by) is None:
            self.notify("nothing is logged beside the loss: no other metric to show", markup=False)
        elif "-small" in self.screen_stack[0].classes:
            self.tab_shown = 2

    def show_metric(self, title: str) -> None:
        """Show the metric of this title, where the second chart is seen."""
        self.board.show_metric(title)
        self.go(2, "metric")

    def action_jump(self) -> None:
        """Show the steps of the highlighted finding in the charts."""
        self.sheet.close()
        if not self.board.jump():
            self.notify("no finding with steps is highlighted: nowhere to jump", severity="warning", markup=False)
        elif self.tab_shown > BOARD_TABS or "-small" in self.screen.classes:
            self.go(1, "loss")

    def action_zoom(self) -> None:
        """Let the pane with the focus fill the screen, and back."""
        if self.above:
            return
        if self.dashboard.alone is not None:
            self.dashboard.restore()
        elif self.dashboard.focused is not None and "pane" in self.dashboard.focused.classes:
            self.dashboard.isolate(self.dashboard.focused)

    def action_tab(self, tab: int) -> None:
        """Go to a tab, or to the pane that it stands for; say why where there is nothing to go to."""
        if tab == len(TABS) and not self.tabs.several:
            self.notify(ONE_RUN, markup=False)
            return
        self.go(tab, layout.FIRST[tab])
        if TABS[tab - 1] == "Terms" and self.board.termless:
            self.notify("no terms are logged: the log has a total only, or names them otherwise (--map)", markup=False)
        elif TABS[tab - 1] == "Held-out" and self.board.bare:
            self.notify("no held-out text is measured, nor anything beside the loss", markup=False)

    def action_next_pane(self, back: bool) -> None:
        """Go to the next or the previous pane; in what lies above the dashboard, to the next widget."""
        if self.above:
            if not self.sheet.display:
                (self.screen.focus_previous if back else self.screen.focus_next)()
            return
        focused = self.focused.id if self.focused else None
        tabs = len(TABS) if self.tabs.several else len(TABS) - 1
        self.go(*layout.next_stop(self.tab_shown, focused, back, "-small" in self.screen.classes, tabs))

    def go(self, tab: int, pane: str) -> None:
        """Show a tab and give the focus to one of its panes."""
        self.dashboard.restore()
        self.tab_shown = tab
        self.screen.set_focus(self.screen.query_one(f"#{pane}"))

    @on(TabStrip.Picked)
    def _picked(self, event: TabStrip.Picked) -> None:
        self.action_tab(event.tab)

    def action_filter(self) -> None:
        """Open the filter."""
        self.wanted.display, self.keys.display = True, False
        self.screen.set_focus(self.wanted)

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self.board.filter(event.value)
        self.log_pane.narrow(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        if not self.wanted.value.strip():
            self._close_filter()
        self._focus_what_was_filtered()

    def _close_filter(self) -> None:
        self.wanted.display = False
        self.keys.styles.inline.clear_rule("display")
        self.keys.refresh(layout=True)

    def _focus_what_was_filtered(self) -> None:
        self.screen.set_focus(self.log_pane if self.tab_shown == TABS.index("Log") + 1 else self.board.findings)

    def action_escape(self) -> None:
        """Close the filter, then the zoom, the page, the window on the steps; then take the cursor away."""
        if self.wanted.display:
            self.wanted.value = ""
            self._close_filter()
            self._focus_what_was_filtered()
        elif self.dashboard.alone is not None:
            self.dashboard.restore()
        elif self.tab_shown > BOARD_TABS:
            self.go(1, "findings")
        elif self.board.window is not None:
            self.board.look_at(float("inf"))
        else:
            self.board.point_at(None)
