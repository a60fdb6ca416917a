"""What lies above the panes: the help, and the whole page of a finding."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from sad_doctor.views.tui.pages.prose import BLANK, Page, Paragraph
from sad_doctor.views.tui.panes.pane import Pane

_KEYS = (
    ("The panes", (
        ("tab, shift+tab", "next pane, previous pane"),
        ("1 2 3 4", "charts, held-out text, terms, findings"),
        ("5 6 7 8", "all rules, the log's text, recipe and environment, the runs"),
        ("z", "let the pane fill the screen, and back"),
        ("esc", "back: close what is open, show all steps, take the cursor away"),
    )),
    ("Charts", (
        ("← →", "move the cursor through the steps; with shift ten times as fast"),
        ("home end", "first step, last step"),
        ("+ - (↑ ↓)", "closer, farther, about the cursor; also the wheel of the mouse"),
        ("< >", "earlier, later steps; also shift and the wheel"),
        ("0", "all steps; also a double click. Drag the mouse to choose a range"),
        ("l", "linear or logarithmic scale"),
        ("s", "smooth the lines by 0.5, 1.5 or 4% of the steps in view; what was logged lies faintly under them"),
        ("m, M", "next metric, previous metric in the second chart"),
    )),
    ("Findings and lists", (
        ("↑ ↓ (k j)", "move; the steps of a finding are marked in the charts"),
        ("→ ← (h)", "unfold what a cause explains, fold it"),
        ("enter", "the whole page: evidence, cause, remedy, rule; also a second click"),
        ("g", "jump: show the steps of the finding in the charts"),
        ("y", "copy the finding as text (OSC 52: the terminal must allow it)"),
        ("/", "filter findings, terms and the log; all words must occur"),
    )),
    ("The run", (
        ("space", "pause: stop following the log, and go on"),
        ("r", "choose another run, or several to compare"),
        ("e, E", "save a picture of this screen (SVG), the report as a page (HTML)"),
        ("ctrl+p", "all commands; also the light theme"),
        ("q", "quit"),
    )),
)  # fmt: skip

_SIGNS = (
    ("✖ ▲ ●", "error, warning, information; below a chart: where a finding begins"),
    ("×", "not a number (in red)"),
    ("▲ ▼ at the edge", "infinity (in red)"),
    ("•", "measured on held-out text"),
    ("╌", "the teacher's value"),
    ("A B C on lines", "which line it is, where there are no colours (NO_COLOR)"),
    ("┊", "the run was resumed here"),
)


@cache
def help_page() -> Page:
    """Return the page of keys and signs."""
    page: list[Paragraph] = []
    for title, rows in (*_KEYS, ("Signs", _SIGNS)):
        page += [BLANK] if page else []
        page.append(Paragraph(Content.styled(title, "bold $accent")))
        page += [
            Paragraph(Content.styled(text, "$foreground"), Content.styled(f"  {key:<18}", "bold $foreground"))
            for key, text in rows
        ]
    return page


class Sheet(Pane):
    """A page above the panes; esc closes it. Of a finding, it can be jumped to and copied from there.

    A screen of its own would paint the dashboard through it again and again, and style everything twice.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark", "close", "Back", show=False),
        Binding("g", "of_finding('jump')", "Jump", show=False),
        Binding("y", "of_finding('copy')", "Copy", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id)
        self.of_finding = False
        self._before: Widget | None = None
        self.display = False

    def open(self, title: str, page: Page, *, finding: bool = False) -> None:
        """Show a page from its top."""
        self.of_finding = finding
        self.border_title = Content(title)
        self.border_subtitle = Content("g jump  y copy  esc closes" if finding else "esc closes")
        self.show(page)
        self.to(0)
        if not self.display:
            self.display, self._before = True, self.screen.focused
        self.screen.set_focus(self, scroll_visible=False)

    def close(self) -> None:
        """Give the focus back to the pane that had it."""
        self.display = False
        if self.has_focus and self._before is not None:
            self.screen.set_focus(self._before)

    def on_blur(self) -> None:
        """A click beside the page closes it; a terminal that loses the focus does not."""
        if self.app.app_focus:
            self.display = False

    def action_close(self) -> None:
        """Close."""
        self.close()

    async def action_of_finding(self, action: str) -> None:
        """Do with the finding what the dashboard does with it."""
        if self.of_finding:
            await self.app.run_action(f"app.{action}")
