"""Values that are missing where a row has a place for them: nulls, and cells such as "" or "n/a"."""

from __future__ import annotations

from collections.abc import Mapping

_BLANKS = frozenset({"", "na", "n/a", "null", "none", "-", "<na>"})
"""Cells that stand for a value that is not there; pandas writes NaN as an empty cell."""

_DENSE, _FEWEST = 0.9, 10
"""A column is dense if at least this share of its rows, and at least this many of them, have a value."""


def is_blank(value: object) -> bool:
    """Return whether ``value`` stands for one that is not there."""
    return value is None or (isinstance(value, str) and value.lower() in _BLANKS)


class Blanks:
    """For each key, since when its rows have been blank without a break."""

    def __init__(self) -> None:
        self.since: dict[str, tuple[float, float, int, int]] = {}
        """First and last blank step, how many blank rows, and how many rows came before."""

    def __bool__(self) -> bool:
        return bool(self.since)

    def note(self, key: str, step: float, before: int) -> None:
        """Take note of a blank at ``step``, in a row that comes after ``before`` others."""
        first, _, rows, before = self.since.get(key, (step, 0.0, 0, before))
        self.since[key] = first, step, rows + 1, before

    def end(self, key: str) -> None:
        """Take note of a number: nothing is missing now."""
        self.since.pop(key, None)

    def ended(self, points: Mapping[str, int]) -> dict[str, tuple[float, float, int]]:
        """Return first and last blank step and the number of blank rows of each dense column that is blank now.

        ``points`` has how many numbers each column holds, by its key.
        """
        return {
            key: (first, last, rows)
            for key, (first, last, rows, before) in self.since.items()
            if key in points and points[key] >= max(_FEWEST, _DENSE * before)
        }
