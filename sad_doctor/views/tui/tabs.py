"""One line of tabs for terminals too small to show every pane."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

TABS = ("Overview", "Held-out", "Terms", "Findings")


class TabStrip(Widget):
    """The names of the tabs; the active one stands out."""

    active: reactive[int] = reactive(1)

    class Picked(Message):
        """A tab was clicked; tabs count from 1."""

        def __init__(self, tab: int) -> None:
            super().__init__()
            self.tab = tab

    def render(self) -> Content:
        """Return the line."""
        return Content("").join([self._tab(n) for n in range(1, len(TABS) + 1)])

    def on_click(self, event: events.Click) -> None:
        """Pick the tab under the mouse."""
        end = 0
        for number in range(1, len(TABS) + 1):
            end += self._tab(number).cell_length
            if event.x < end:
                self.post_message(self.Picked(number))
                return

    def _tab(self, number: int) -> Content:
        style = "bold $background on $accent" if number == self.active else "$text-muted"
        return Content.styled(f" {number} {TABS[number - 1]} ", style)
