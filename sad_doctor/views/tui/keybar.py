"""The line of keys at the bottom."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widget import Widget

KEYS = (
    ("q", "quit", "app.quit"),
    ("?", "help", "app.help"),
    ("/", "filter", "app.filter"),
    ("space", "pause", "app.pause"),
    ("tab", "pane", "app.next_pane(False)"),
    ("l", "log", "app.log_scale"),
    ("s", "smooth", "app.smooth"),
    ("+", "closer", "app.window(0.5)"),
    ("-", "farther", "app.window(2)"),
    ("m", "metric", "app.metric(1)"),
    ("g", "jump", "app.jump"),
    ("y", "copy", "app.copy"),
    ("z", "zoom", "app.zoom"),
    ("e", "picture", "app.export"),
    ("E", "page", "app.export_page"),
    ("r", "runs", "app.runs"),
    ("^p", "menu", "app.command_palette"),
)
"""Key, word, action. A line that is too short leaves out from the middle on: see :func:`fitting`."""

_SPARE = ("r", "E", "z", "e", "-", "+", "m", "y", "tab", "s", "g", "l", "/", "space", "?", "^p", "q")


def fitting(width: int) -> list[tuple[str, str, str]]:
    """Return the keys that fit into ``width`` cells, the least needed left out first."""
    keys = list(KEYS)
    for spare in _SPARE:
        if sum(_cell(key, word).cell_length for key, word, _ in keys) <= width:
            break
        keys = [entry for entry in keys if entry[0] != spare]
    return keys


def _cell(key: str, word: str) -> Content:
    return Content.assemble((f" {key}", "bold $accent"), (f" {word} ", "$footer-description-foreground"))


class KeyBar(Widget):
    """Shows the keys; a click on one is as good as the key."""

    def render(self) -> Content:
        """Return the keys that fit."""
        return Content("").join([_cell(key, word) for key, word, _ in fitting(self.content_size.width)])

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the mouse does."""
        end = 0
        for key, word, action in fitting(self.content_size.width):
            end += _cell(key, word).cell_length
            if event.x < end:
                await self.app.run_action(action)
                return
