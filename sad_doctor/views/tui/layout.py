"""Which layout a terminal gets, and in which order tab visits its panes."""

from __future__ import annotations

from typing import Final

CLASSES: Final = frozenset({"-wide", "-medium", "-small", "-tiny", *(f"-tab-{n}" for n in (1, 2, 3, 4))})
"""All that :func:`classes` may return."""

ORDER: Final = ("findings", "detail", "loss", "metric", "terms")
"""The panes that can have the focus, in the order of tab, when all are shown."""

STOPS: Final = ((1, "findings"), (1, "loss"), (2, "metric"), (3, "terms"), (4, "findings"), (4, "detail"))
"""The same by tabs."""


def classes(width: int, height: int, tab: int = 1) -> frozenset[str]:
    """Return the classes of the screen for a terminal of this size, in cells, with this tab picked."""
    if width < 40 or height < 14:
        return frozenset({"-small", "-tiny", f"-tab-{tab}"})
    if width >= 150 and height >= 24:
        return frozenset({"-wide"})
    if width >= 100 and height >= 32:
        return frozenset({"-medium"})
    return frozenset({"-small", f"-tab-{tab}"})


def next_stop(tab: int, pane: str | None, back: bool) -> tuple[int, str]:
    """Return the tab and the pane that follow; from anywhere else, the first pane of the tab."""
    if (tab, pane) not in STOPS:
        return next(stop for stop in STOPS if stop[0] == tab)
    return STOPS[(STOPS.index((tab, pane)) + (-1 if back else 1)) % len(STOPS)]
