"""Rows of names and values into columns: what JSON lines, tables and our own run folder share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from sad_doctor import names
from sad_doctor.readers.columns import MOST_COLUMNS, Columns, GrowingColumn
from sad_doctor.readers.naming import LENGTHS, Naming, nested, step_rank
from sad_doctor.run import Column

_LONGEST_NUMBER = 64
_BLANKS = frozenset({"", "na", "n/a", "null", "none", "-", "<na>"})
"""Cells that stand for a value that is not there; pandas writes NaN as an empty cell."""
_DENSE, _FEWEST = 0.9, 10
"""A column is dense that has a value in so many of its rows, and in so many at least."""
_LEFT_OUT = -1
"""Stands for a key that has no column because there are too many."""


def number(value: object) -> float | None:
    """Return ``value`` as a float, also from text such as "1e-5", "NaN" or "-Infinity"; None if it is no number."""
    if type(value) is str:
        return _of_text(value)
    if isinstance(value, float):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return _of_text(value) if isinstance(value, str) else None


def _of_text(value: str) -> float | None:
    if not 0 < len(value) <= _LONGEST_NUMBER or "_" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def numbers(row: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a row; those of a mapping in it by :func:`nested` names, those deeper not at all."""
    for key, value in row.items():
        kind = type(value)
        if kind is float:
            yield key, value  # type: ignore[misc]
        elif kind is str or kind is int:
            if (found := number(value)) is not None:
                yield key, found
        elif isinstance(value, Mapping):
            for inner, one in value.items():
                if (found := number(one)) is not None:
                    yield nested(key, inner), found
        elif (found := number(value)) is not None:
            yield key, found


class Rows:
    """Turns rows into columns.

    The step of a row is the value of its best step key; without one, the step of the row before; if no row had one
    so far, its epoch; else the number of the row. A step that begins anew, from the first one, with a later epoch is
    counted on.
    ``last_wins``: a step that comes back puts aside what its columns hold from it on, as in a resumed run; else file
    order is kept.
    """

    def __init__(self, last_wins: bool = False) -> None:
        self.count = 0
        self._last_wins = last_wins
        self._naming = Naming()
        self._columns = Columns()
        self._targets: dict[str, GrowingColumn | int] = {}
        self._epoch: GrowingColumn | None = None
        self._step = math.nan
        self._first = math.nan
        self._passed = 0.0
        self._epochs = 0
        self._latest_epoch = math.inf
        self._stepped = False
        self._back = 0
        self._nulls = 0
        self._blank: dict[str, tuple[float, float, int, int]] = {}
        self._unstepped = 0

    def add(self, row: Mapping[str, object]) -> bool:
        """Add a row; values that are mappings give columns ``outer/inner``. False if it holds no number."""
        points: list[tuple[GrowingColumn, float]] = []
        step, rank, count = math.nan, math.inf, 0
        blank = self._blank
        for key, value in numbers(row):
            count += 1
            if blank and key in blank:
                del blank[key]
            target = self._targets[key] if key in self._targets else self._target(key, row)
            if not isinstance(target, int):
                points.append((target, value))
            elif _LEFT_OUT < target < rank and math.isfinite(value):
                step, rank = value, target
        if not count:
            return False
        self._append(self._next_step(step, points), points)
        if count < len(row):
            self._note_blanks(row)
        self.count += 1
        return True

    def snapshot(self) -> dict[str, Column]:
        """Return the columns as they are now."""
        return self._columns.snapshot()

    @property
    def step(self) -> float:
        """The step of the last row."""
        return self._step

    @property
    def facts(self) -> dict[str, object]:
        """How many steps the run will take, where its rows tell that; which dense columns are blank at the end."""
        columns = self._columns.snapshot()
        told = (columns[key].last for key in LENGTHS if key in columns)
        total = next((value for value in told if math.isfinite(value) and value > 0), None)
        facts: dict[str, object] = {} if total is None else {names.TOTAL_STEPS: total}
        if ended := self._ended():
            facts[names.BLANK] = ended
        return facts

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed and left out."""
        notes = list(self._naming.notes)
        if self._unstepped and not self._stepped:
            notes.append(f"no step was logged: the {'epoch' if self._epoch else 'number of the row'} stands for it")
        elif self._unstepped:
            notes.append(f"{self._unstepped} rows without a step: they take the step before them")
        if self._epochs:
            notes.append(f"the step began anew with {self._epochs} epochs: it is counted on")
        if self._back:
            kept = "the later values count" if self._last_wins else "all values are kept, in file order"
            notes.append(f"the step went back {self._back} times: {kept}")
        if self._nulls:
            notes.append(f"{self._nulls} null values were left out; some writers write NaN so")
        if self._columns.full:
            notes.append(f"more than {MOST_COLUMNS} different metrics: the further ones were left out")
        return tuple(notes)

    def _note_blanks(self, row: Mapping[str, object]) -> None:
        for key, value in row.items():
            if value is None:
                self._nulls += key in self._targets
            elif not isinstance(value, str) or value.lower() not in _BLANKS:
                continue
            first, _, rows, before = self._blank.get(key, (self._step, 0.0, 0, self.count))
            self._blank[key] = first, self._step, rows + 1, before

    def _ended(self) -> dict[str, tuple[float, float, int]]:
        found = {}
        for key, (first, last, rows, before) in self._blank.items():
            target = self._targets.get(key)
            if isinstance(target, GrowingColumn) and len(target) >= max(_FEWEST, _DENSE * before):
                found[self._naming.column(key)] = first, last, rows
        return found

    def _target(self, key: str, row: Mapping[str, object]) -> GrowingColumn | int:
        rank = step_rank(key)
        if rank is not None:
            self._targets[key] = rank
            return rank
        if self._columns.full:
            return _LEFT_OUT
        name = self._naming.column(key, row)
        column = self._columns.named(name)
        if column is None:
            return _LEFT_OUT
        if name == names.EPOCH:
            self._epoch = column
        self._targets[key] = column
        return column

    def _next_step(self, step: float, points: list[tuple[GrowingColumn, float]]) -> float:
        epoch = math.nan if self._epoch is None else self._epoch_of(points)
        if not math.isnan(step):
            self._stepped = True
            self._first = step if math.isnan(self._first) else self._first
            back = self._passed + step < self._step and step <= self._first
            if back and epoch > self._latest_epoch and not self._last_wins:
                self._passed = self._step + (step == 0)
                self._epochs += 1
            step += self._passed
            self._back += step < self._step
        else:
            self._unstepped += 1
            counted = float(self.count) if math.isnan(epoch) else epoch
            step = self._step if self._stepped else counted
        self._step = step
        self._latest_epoch = self._latest_epoch if math.isnan(epoch) else epoch
        return step

    def _epoch_of(self, points: list[tuple[GrowingColumn, float]]) -> float:
        return next((value for column, value in points if column is self._epoch and math.isfinite(value)), math.nan)

    def _append(self, step: float, points: list[tuple[GrowingColumn, float]]) -> None:
        if self._last_wins:
            for column, value in points:
                column.rewind(step, value)
        else:
            for column, value in points:
                column.append(step, value)
