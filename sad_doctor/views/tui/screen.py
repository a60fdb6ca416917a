"""The screen of the dashboard: the focus moves without painting everything, and one pane can fill the body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from textual import events
from textual.message_pump import MessagePump
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from sad_doctor.views.tui.painting.compositor import Sparing

_ALONE = {"display": "block", "width": "100%", "height": "100%", "max_width": "100%", "max_height": "100%"}
"""What a pane that is alone, and all that holds it, look like."""

_HOPS = 64
"""Turns of the event loop after which a screen is painted though messages go on and on."""


class DashboardScreen(Screen[object]):
    """A screen that knows which pane is alone in it.

    Textual paints a whole screen when the focus moves, and styles every widget anew when one is maximized. Here two
    frames change their colour, and what would be in the way is not displayed. ``noticed`` is called when it has moved.
    """

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(self, noticed: Callable[[], None] = lambda: None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._compositor = Sparing()
        self._noticed = noticed
        self._coming: bool | None = None
        self.alone: Widget | None = None
        self._told: list[tuple[Widget, str, object]] = []

    def watch_focused(self) -> None:
        """Tell that another widget has the focus."""
        self._noticed()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Notice that the screen comes for the first time: its widgets have just been styled, each on its own."""
        if self._coming is None:
            self._coming, event.refresh_styles = True, False

    async def on_idle(self, event: events.Idle) -> None:
        """Paint once all has been done that a key set off.

        A widget tells the next by a message, and a message takes a turn of the loop: painted before the last of them, a
        key takes two paintings, the second a frame later.
        """
        if self._coming:  # it was laid out and painted whole as it came, and needs not be painted a second time
            self._coming = False
            self._repaint_required = not self.size
        every: list[MessagePump] = [self.app, *self.walk_children()]
        for _ in range(_HOPS):
            if self.message_queue_size:  # it is idle again once it has read them
                event.prevent_default()
                return
            if not any(one.message_queue_size for one in every):
                return
            await asyncio.sleep(0)

    def isolate(self, pane: Widget) -> None:
        """Let a pane fill all that lies between the head and the keys."""
        self.restore()
        self.alone = pane
        node = pane
        while isinstance(above := node.parent, Widget) and above is not self:
            for rule, value in _ALONE.items():
                self._tell(node, rule, value)
            for other in above.displayed_children:
                if other is not node:
                    self._tell(other, "display", "none")
            self._tell(above, "layout", "vertical")
            node = above

    def restore(self) -> None:
        """Show everything again."""
        self.alone = None
        for widget, rule, before in reversed(self._told):
            tell(widget, rule, before)
        self._told = []

    def _tell(self, widget: Widget, rule: str, value: str) -> None:
        self._told.append((widget, rule, widget.styles.inline.get_rule(rule, None)))
        tell(widget, rule, value)


def tell(widget: Widget, rule: str, value: object) -> None:
    """Give a widget a style of its own without styling anything anew; None takes it away."""
    inline = widget.styles.inline
    if value is not None:
        setattr(inline, rule, value)
    elif inline.clear_rule(rule):
        widget.refresh(layout=True)


def classed(widget: Widget, wanted: Mapping[str, bool]) -> None:
    """Give a widget these classes or take them away; it and all in it are styled anew once, and only if one changes."""
    before = widget.classes
    for name, there in wanted.items():
        widget.set_class(there, name, update=False)
    if widget.classes != before:
        widget.update_node_styles()
