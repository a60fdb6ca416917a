"""One line of tabs: the panes of a small terminal, and the pages that take the whole of any."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

TABS = ("Overview", "Held-out", "Terms", "Findings", "Rules", "Log", "Recipe", "Runs")


class TabStrip(Widget):
    """The names of the tabs; the active one stands out."""

    active: reactive[int] = reactive(1)
    several: reactive[bool] = reactive(False)
    """Whether there are several runs: without them the last tab is left out."""

    class Picked(Message):
        """A tab was clicked; tabs count from 1."""

        def __init__(self, tab: int) -> None:
            super().__init__()
            self.tab = tab

    def render(self) -> Content:
        """Return the line."""
        return Content("").join([self._tab(n) for n in range(1, self._count + 1)])

    def on_click(self, event: events.Click) -> None:
        """Pick the tab under the mouse."""
        end = 0
        for number in range(1, self._count + 1):
            end += self._tab(number).cell_length
            if event.x < end:
                self.post_message(self.Picked(number))
                return

    @property
    def _count(self) -> int:
        return len(TABS) if self.several else len(TABS) - 1

    def _tab(self, number: int) -> Content:
        style = "bold $background on $accent" if number == self.active else "$text-muted"
        return Content.styled(f" {number} {TABS[number - 1]} ", style)
