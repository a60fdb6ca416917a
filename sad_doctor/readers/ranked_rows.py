"""Rows of a file that several ranks of one training may write into."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sad_doctor.readers.naming import step_rank
from sad_doctor.readers.numbers import number
from sad_doctor.readers.ranks import Ranks, key_of
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.shapes import Row, alike
from sad_doctor.run import Column


class RankedRows(Rows):
    """Keeps the rows of the lowest rank, which :class:`Ranks` tells from the others."""

    def __init__(self, last_wins: bool = False) -> None:
        super().__init__(last_wins)
        self._ranks = Ranks()

    def add(self, row: Mapping[str, object]) -> bool:
        """Add a row, unless it is that of another rank. False if it holds no number."""
        key = key_of(row)
        if key is not None:
            if not self._ranks.takes(row[key], _step_of(row)):
                return True
            if self._ranks.afresh:
                self._begin_anew()
        return super().add(row)

    def add_all(self, rows: Sequence[Row]) -> int:
        """Add rows as :meth:`add` does one by one; return how many held no number."""
        useless = 0
        for keys, group in alike(rows):
            key = key_of(keys)
            if key is None or self._ranks.calm([row[key] for row in group]):
                useless += super().add_all(group)
            else:
                useless += sum(not self.add(row) for row in group)
        return useless

    def state(self) -> dict[str, Any]:
        """Return all but the columns as JSON values, for :meth:`restored`."""
        return super().state() | {"ranks": self._ranks.state()}

    @classmethod
    def restored(cls, last_wins: bool, state: Mapping[str, Any], columns: Mapping[str, Column]) -> RankedRows:
        """Return the rows whose state and snapshot were kept. Raises KeyError, TypeError or ValueError."""
        rows = super().restored(last_wins, state, columns)
        assert isinstance(rows, cls)
        rows._ranks = Ranks.restored(state["ranks"])
        return rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed and left out."""
        return (*super().notes, *self._ranks.notes)

    def _begin_anew(self) -> None:
        ranks = self._ranks
        vars(self).update(vars(type(self)(self._last_wins)))
        self._ranks = ranks


def _step_of(row: Mapping[str, object]) -> float:
    """The value of the best step key; infinity where there is none, so that no step comes back."""
    ranked = {rank: value for key, value in row.items() if (rank := step_rank(key)) is not None}
    found = number(ranked[min(ranked)]) if ranked else None
    return math.inf if found is None else found
