"""Which layout a terminal gets, and in which order tab visits its panes."""

from __future__ import annotations

from typing import Final

_LOW = 9
"""Rows without which there is no room for the line of keys."""

CLASSES: Final = frozenset({"-wide", "-medium", "-small", "-tiny", "-low"})
"""All that :func:`classes` may return."""

SHOWN: Final = {
    1: ("learning", "loss", "verdict", "findings"),
    2: ("learning", "metric"),
    3: ("parts", "shares", "terms"),
    4: ("verdict", "findings", "detail"),
}
"""The panes, and the columns that hold them, that a small terminal shows for each of the first four tabs."""

_ALONE: Final = {1: ("verdict", "findings"), 2: ("learning", "metric"), 3: ("parts", "terms"), 4: ("verdict", "detail")}
"""The same where there is room for one pane."""

ORDER: Final = ("findings", "detail", "loss", "metric", "terms")
"""The panes that can have the focus, in the order of tab, when all are shown."""

STOPS: Final = (
    *((1, "findings"), (1, "loss"), (2, "metric"), (3, "terms"), (4, "findings"), (4, "detail")),
    *((5, "rules-list"), (5, "rules-page"), (6, "log"), (7, "recipe"), (8, "runs-list"), (8, "runs-page")),
)
"""The same by tabs; from the fifth on they take the whole screen of any size."""

FIRST: Final = {
    1: "loss",
    2: "metric",
    3: "terms",
    4: "findings",
    5: "rules-list",
    6: "log",
    7: "recipe",
    8: "runs-list",
}
"""The pane that gets the focus with its number."""


def classes(width: int, height: int) -> frozenset[str]:
    """Return the classes of the screen for a terminal of this size, in cells.

    No tab changes them: with a class of the screen every widget is styled anew, which takes longer than a frame.
    """
    if width < 40 or height < 14:
        return frozenset({"-small", "-tiny", "-low"} if height < _LOW else {"-small", "-tiny"})
    if width >= 150 and height >= 24:
        return frozenset({"-wide"})
    if width >= 100 and height >= 32:
        return frozenset({"-medium"})
    return frozenset({"-small"})


def shown(tab: int, tiny: bool) -> tuple[str, ...]:
    """Return the columns and panes that a small terminal shows for one of the first four tabs."""
    return (_ALONE if tiny else SHOWN)[tab]


def next_stop(tab: int, pane: str | None, back: bool, small: bool = True, tabs: int = 7) -> tuple[int, str]:
    """Return the tab and the pane that follow; from anywhere else, the first pane of the tab.

    A small terminal goes through the first ``tabs`` tabs; a larger one through the panes that it shows.
    """
    if small:
        stops = [stop for stop in STOPS if stop[0] <= tabs]
    elif tab <= 4:
        stops = [(tab, name) for name in ORDER]
    else:
        stops = [stop for stop in STOPS if stop[0] == tab]
    if pane is None or (tab, pane) not in stops:
        return next(stop for stop in stops if stop[0] == tab)
    return stops[(stops.index((tab, pane)) + (-1 if back else 1)) % len(stops)]
