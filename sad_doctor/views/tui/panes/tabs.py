"""One line of tabs: the panes of a small terminal, and the pages that take the whole of any."""

from __future__ import annotations

from functools import cache

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from sad_doctor.views.tui.painting.one_line import OneLine

TABS = ("Overview", "Held-out", "Terms", "Findings", "Rules", "Log", "Recipe", "Runs")
ONE_RUN = "one run is open: name several, or a folder that holds several"
"""Why there is no last tab."""


class TabStrip(OneLine):
    """The names of the tabs; the active one stands out."""

    active: reactive[int] = reactive(1)
    several: reactive[bool] = reactive(False)
    """Whether there are several runs: without them the last tab is left out."""

    class Picked(Message):
        """A tab was clicked; tabs count from 1."""

        def __init__(self, tab: int) -> None:
            super().__init__()
            self.tab = tab

    def line(self) -> Content:
        """Return the line."""
        return _line(self.active, self._count)

    def on_click(self, event: events.Click) -> None:
        """Pick the tab under the mouse."""
        end = 0
        for number in range(1, self._count + 1):
            end += _tab(number, False).cell_length
            if event.x < end:
                self.post_message(self.Picked(number))
                return

    @property
    def _count(self) -> int:
        return len(TABS) if self.several else len(TABS) - 1


def _tab(number: int, active: bool) -> Content:
    style = "bold $background on $accent" if active else "$text-muted"
    return Content.styled(f" {number} {TABS[number - 1]} ", style)


@cache
def _line(active: int, count: int) -> Content:
    return Content("").join([_tab(n, n == active) for n in range(1, count + 1)])
