"""The line of keys at the bottom: those that do something where the focus is."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from textual import events
from textual.content import Content
from textual.reactive import reactive

from sad_doctor.views.tui.painting.one_line import OneLine

Place = Literal["chart", "findings", "detail", "board", "list", "page", "log", "sheet", "finding"]
"""Where the focus is: a chart, the findings, their detail, another pane of the board, the list of a page, a page,
the log, a page above the others, that of a finding."""

_ANY: Final = frozenset({"chart", "findings", "detail", "board", "list", "page", "log"})
_BOARD: Final = frozenset({"chart", "findings", "detail", "board"})
_CHART: Final = frozenset({"chart"})
_FINDING: Final = frozenset({"findings", "detail", "finding"})
_ABOVE: Final = frozenset({"sheet", "finding"})


class Key(NamedTuple):
    """Key, word, action, and the places where it is shown."""

    key: str
    word: str
    action: str
    places: frozenset[str]


KEYS = (
    Key("q", "quit", "app.quit", _ANY),
    Key("esc", "close", "focused.close", _ABOVE),
    Key("↑↓", "scroll", "", _ABOVE),
    Key("?", "help", "app.help", _ANY),
    Key("/", "filter", "app.filter", _BOARD | {"log"}),
    Key("space", "pause", "app.pause", _ANY),
    Key("tab", "pane", "app.next_pane(False)", _ANY),
    Key("←→", "cursor", "", _CHART),
    Key("⏎", "open", "focused.pick", frozenset({"findings", "list"})),
    Key("l", "log", "app.log_scale", _BOARD),
    Key("s", "smooth", "app.smooth", _BOARD),
    Key("+", "closer", "app.window(0.5)", _BOARD),
    Key("-", "farther", "app.window(2)", _BOARD),
    Key("0", "all", "app.all_steps", _CHART),
    Key("m", "metric", "app.metric(1)", _BOARD),
    Key("g", "jump", "app.jump", _FINDING),
    Key("y", "copy", "app.copy", _FINDING),
    Key("z", "zoom", "app.zoom", _ANY),
    Key("e", "picture", "app.export", _ANY),
    Key("E", "page", "app.export_page", _ANY),
    Key("r", "runs", "app.runs", _ANY),
    Key("^p", "menu", "app.command_palette", _ANY),
)
"""A line that is too short leaves out from the middle on: see :func:`fitting`."""

_SPARE = (
    *("r", "E", "z", "0", "e", "-", "+", "m", "⏎", "s", "y", "tab", "l", "g", "←→", "/", "space", "↑↓", "?"),
    *("^p", "esc", "q"),
)


@lru_cache(maxsize=64)
def fitting(width: int, place: Place = "board") -> tuple[Key, ...]:
    """Return the keys of a place that fit into ``width`` cells, the least needed left out first."""
    keys = [key for key in KEYS if place in key.places]
    for spare in _SPARE:
        if sum(_cell(key).cell_length for key in keys) <= width:
            break
        keys = [key for key in keys if key.key != spare]
    return tuple(keys)


@cache
def _cell(key: Key) -> Content:
    return Content.assemble((f" {key.key}", "bold $accent"), (f" {key.word} ", "$footer-description-foreground"))


@lru_cache(maxsize=64)
def _line(width: int, place: Place) -> Content:
    return Content("").join([_cell(key) for key in fitting(width, place)])


class KeyBar(OneLine):
    """Shows the keys; a click on one is as good as the key."""

    place: reactive[Place] = reactive("board")

    def line(self) -> Content:
        """Return the keys that fit."""
        return _line(self.content_size.width, self.place)

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the mouse does."""
        end = 0
        for key in fitting(self.content_size.width, self.place):
            end += _cell(key).cell_length
            if event.x < end:
                if key.action:
                    await self.app.run_action(key.action)
                return
