"""The histories of columns that are kept: the reading thread makes those of long columns, the panes the others."""

from __future__ import annotations

from collections.abc import Mapping

from sad_doctor.run import Column
from sad_doctor.views.tui.charts.history import History

LONG = 50_000
"""Rows from which on a history takes longer to make than a frame may; a shorter one is made by who draws it."""

Ready = Mapping[int, History]
"""Histories by the identity of their column, as they were at one moment."""


class LongHistories:
    """Follows long columns; used by the thread that reads the log."""

    def __init__(self) -> None:
        self._known: dict[str, History] = {}

    def still(self, columns: Mapping[str, Column]) -> dict[int, History]:
        """Return histories of the long ones of ``columns`` that nobody writes to; forgets all others."""
        self._known = {
            name: self._known.get(name, History()).follow(column)
            for name, column in columns.items()
            if len(column) >= LONG
        }
        return {id(history.column): history.still() for history in self._known.values()}


class Histories:
    """The histories that a pane asks for, by a key of its own; those that it asks for no more go.

    What is ``ready`` comes from the thread that reads.
    """

    def __init__(self) -> None:
        self.ready: Ready = {}
        self._known: dict[str, History] = {}

    def of(self, key: str, column: Column) -> History:
        """Return the history of a column that may have grown since the last call."""
        ready = self.ready.get(id(column))
        if ready is not None and ready.column is column:
            self._known[key] = ready
            return ready
        known = self._known.get(key)
        if known is not None and known.column is column:
            return known
        if known is None or known.is_still:
            known = self._known[key] = History()
        return known.follow(column)

    def at(self, key: str, step: float | None) -> float | None:
        """Return the value of a known column at or before a step, the last for None."""
        return self._known[key].at(step) if key in self._known else None

    def keep(self, keys: set[str]) -> None:
        """Forget all others."""
        self._known = {key: history for key, history in self._known.items() if key in keys}
