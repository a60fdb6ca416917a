"""Screens that lie above the dashboard: the help, and the whole page of a finding."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from sad_doctor.views.tui.prose import BLANK, Page, Pane, Paragraph

_KEYS = (
    ("The panes", (
        ("tab, shift+tab", "next pane, previous pane"),
        ("1 2 3 4", "charts, held-out text, terms, findings"),
        ("z", "let the pane fill the screen, and back"),
        ("esc", "back: close what is open, take the cursor away"),
    )),
    ("Charts", (
        ("← →", "move the cursor through the steps; with shift ten times as fast"),
        ("home end", "first step, last step"),
        ("l", "linear or logarithmic scale"),
        ("m, M", "next metric, previous metric in the second chart"),
    )),
    ("Findings and terms", (
        ("↑ ↓", "move; the steps of a finding are marked in the charts"),
        ("→ ←", "unfold what a cause explains, fold it"),
        ("enter", "the whole page: evidence, cause, remedy, rule"),
        ("/", "filter findings and terms; all words must occur"),
    )),
    ("The run", (
        ("space", "pause: stop following the log, and go on"),
        ("e", "save a picture of this screen (SVG)"),
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
)


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


class Sheet(ModalScreen[None]):
    """A page above the dashboard; esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", key_display="esc"),
        Binding("enter", "dismiss", "Back", show=False),
        Binding("question_mark", "dismiss", "Back", show=False),
    ]

    def __init__(self, title: str, page: Page) -> None:
        super().__init__()
        self._pane = Pane(title)
        self._pane.add_class("pane")
        self._pane.border_subtitle = Content("esc closes")
        self._page = page

    def compose(self) -> ComposeResult:
        """Yield the page."""
        yield self._pane

    def on_mount(self) -> None:
        """Fill the page, ready to be scrolled."""
        self._pane.show(self._page)
        self._pane.focus()

    async def action_dismiss(self, result: None = None) -> None:
        """Close."""
        self.dismiss(result)
