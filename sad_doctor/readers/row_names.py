"""Tables whose rows have names in place of steps: results of models, tasks or settings, no training log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sad_doctor.readers.naming import step_rank
from sad_doctor.readers.numbers import number

_AXES = frozenset({"epoch", "time", "timestamp", "date", "datetime", "wall time", "walltime", "_timestamp", "_runtime"})
_FEWEST, _KEPT = 3, 64
_OWN = 0.5
"""The share of the first cells that must be words of their own, whatever the digits in them."""
_DIGITS = re.compile(r"\d+")


class RowNames:
    """Watches the first cells of a table. Those that differ in digits alone count or tell a time: an axis, no names."""

    def __init__(self, header: Sequence[str]) -> None:
        told = [name.lower() for name in header]
        self._stepped = any(step_rank(name) is not None or name in _AXES for name in told)
        self._words: list[str] = []

    def add(self, row: Sequence[str]) -> None:
        """Look at a row of the table."""
        if not self._stepped and row and len(self._words) < _KEPT:
            first = row[0]
            self._words.append("" if number(first) is not None else _DIGITS.sub("", first).casefold())

    @property
    def found(self) -> bool:
        """Whether the rows are named, from three of them on."""
        own = {word for word in self._words if word}
        return len(self._words) >= _FEWEST and "" not in self._words and len(own) > _OWN * len(self._words)
