"""Rows of names and values into columns: what JSON lines, tables and our own run folder share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any

import numpy as np

from sad_doctor import names
from sad_doctor.readers import evaluation_set, row_notes
from sad_doctor.readers.blanks import Blanks, is_blank
from sad_doctor.readers.columns import Columns, GrowingColumn
from sad_doctor.readers.naming import LENGTHS, Naming, scale_of, step_rank
from sad_doctor.readers.numbers import numbers
from sad_doctor.readers.shapes import Cells, Row, Turned, alike, backward, parted, rising, turned
from sad_doctor.run import Column, Floats

_WORTH_TURNING = 8
_VALUES = methodcaller("values")
_COUNTERS = (
    *("count", "_step", "_first", "_passed", "_epochs", "_latest_epoch", "_stepped", "_back", "_nulls", "_unstepped"),
    "_again",
)
_LEFT_OUT = -1
"""Marks a key that has no column because there are too many."""


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
        self._step = self._first = math.nan
        self._passed = 0.0
        self._epochs = 0
        self._latest_epoch = math.inf
        self._stepped = False
        self._back = self._nulls = self._unstepped = self._again = 0
        self._blank = Blanks()
        self._loss: GrowingColumn | None = None

    def add(self, row: Mapping[str, object]) -> bool:
        """Add a row; values that are mappings give columns ``outer/inner``. False if it holds no number."""
        points: list[tuple[GrowingColumn, float]] = []
        step, rank, count = math.nan, math.inf, 0
        blank = self._blank
        for key, value in numbers(row):
            count += 1
            if blank:
                blank.end(key)
            target = self._targets[key] if key in self._targets else self._target(key, row)
            if not isinstance(target, int):
                points.append((target, value))
            elif _LEFT_OUT < target < rank and math.isfinite(value):
                step, rank = value, target
        if not count:
            return False
        own = not math.isnan(step)
        step = self._next_step(step, points)
        if own and self._loss is not None and self._loss.last_step == step:
            self._again += any(column is self._loss for column, _ in points)
        self._append(step, points)
        if count < len(row):
            self._note_blanks(row)
        self.count += 1
        return True

    def add_all(self, rows: Sequence[Row]) -> int:
        """Add rows as :meth:`add` does one by one; return how many held no number.

        Rows of one shape are added a column at a time, where that comes to the same.
        """
        return sum(self._add_alike(keys, list(map(_VALUES, same)), same.__getitem__) for keys, same in alike(rows))

    def add_table(self, keys: Sequence[str], cells: Cells) -> int:
        """Add rows that all have these ``keys`` and the values in ``cells``, as :meth:`add_all` does."""
        return self._add_alike(keys, cells, lambda at: dict(zip(keys, cells[at], strict=True)))

    def state(self) -> dict[str, Any]:
        """Return all but the columns as JSON values, for :meth:`restored`."""
        owners = {id(column): name for name, column in self._columns.items()}
        targets = {key: one if isinstance(one, int) else owners[id(one)] for key, one in self._targets.items()}
        told = {name: getattr(self, name) for name in _COUNTERS} | {"rewound": self._loss.rewound if self._loss else []}
        return {**told, "targets": targets, "naming": self._naming.state(), "blank": self._blank.since}

    @classmethod
    def restored(cls, last_wins: bool, state: Mapping[str, Any], columns: Mapping[str, Column]) -> Rows:
        """Return the rows whose state and snapshot were kept. Raises KeyError, TypeError or ValueError."""
        rows = cls(last_wins)
        for name in _COUNTERS:
            setattr(rows, name, type(getattr(rows, name))(state[name]))
        rows._naming = Naming.restored(state["naming"])
        rows._columns = Columns.restored(columns)
        held = dict(rows._columns.items())
        rows._targets = {key: one if isinstance(one, int) else held[one] for key, one in state["targets"].items()}
        for key, one in rows._targets.items():
            if isinstance(one, GrowingColumn):
                one.scale = scale_of(key, rows._naming.column(key))
        rows._epoch, rows._loss = held.get(names.EPOCH), held.get(names.LOSS)
        if rows._loss is not None:
            rows._loss.rewound = [[float(a), float(b), float(c)] for a, b, c in state["rewound"]]
        rows._blank.since = {key: (a, b, int(c), int(d)) for key, (a, b, c, d) in state["blank"].items()}
        return rows

    def snapshot(self) -> dict[str, Column]:
        """Return the columns as they are now."""
        return self._columns.snapshot()

    @property
    def step(self) -> float:
        """The step of the last row."""
        return self._step

    @property
    def facts(self) -> dict[str, object]:
        """The run's length, where its rows tell it, and which dense columns are blank at the end."""
        columns = self._columns.snapshot()
        told = (columns[key].last for key in LENGTHS if key in columns)
        total = next((value for value in told if math.isfinite(value) and value > 0), None)
        facts = evaluation_set.facts(columns) | ({} if total is None else {names.TOTAL_STEPS: total})
        if ended := self._ended():
            facts[names.BLANK] = ended
        if self._loss is not None and self._loss.rewound:
            facts[names.REWOUND] = self._loss.rewound
        if self._unstepped and not self._stepped and self._epoch is not None:
            facts[names.STEP_UNIT] = "epoch"
        return facts

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each thing that was assumed or left out."""
        told = {name.removeprefix("_"): getattr(self, name) for name in _COUNTERS}
        losses, told["full"] = 0 if self._loss is None else len(self._loss), self._columns.full
        notes = row_notes.notes(told, losses, self._epoch is not None, self._last_wins)
        return (*self._naming.notes, *notes, *evaluation_set.notes(self._columns.snapshot()))

    def _note_blanks(self, row: Mapping[str, object]) -> None:
        for key, value in row.items():
            if is_blank(value):
                self._nulls += value is None and key in self._targets
                self._blank.note(key, self._step, self.count)

    def _ended(self) -> dict[str, tuple[float, float, int]]:
        points = {key: len(one) for key, one in self._targets.items() if isinstance(one, GrowingColumn)}
        return {self._naming.column(key): told for key, told in self._blank.ended(points).items()}

    def _target(self, key: str, row: Mapping[str, object]) -> GrowingColumn | int:
        rank = step_rank(key)
        if rank is not None:
            self._targets[key] = rank
            return rank
        if not self._columns.takes(key):
            return _LEFT_OUT
        name = self._naming.column(key, row)
        column = self._columns.named(name)
        if column is None:
            return _LEFT_OUT
        if name == names.EPOCH:
            self._epoch = column
        elif name == names.LOSS:
            self._loss = column
        column.scale = scale_of(key, name)
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

    def add_points(self, keys: Sequence[str], steps: Sequence[int], values: Sequence[float]) -> None:
        """Add rows of one number, each with its step, as :meth:`add` does one by one."""
        at, found, parts = np.array(steps, np.float64), np.array(values, np.float64), parted(keys)
        if self._last_wins and (shape := rising(self._targets, at, found, parts)) is not None:
            for column, own, numbers_of in shape:
                column.extend(own, numbers_of)
            for key, _ in parts:
                self._blank.end(key)
            self._stepped = True
            self._first = float(at[0]) if math.isnan(self._first) else self._first
            self._back += int(backward(self._step, at).sum())
            self._step = float(at[-1])
            self._reached(next((one for column, _, one in shape if column is self._epoch), None))
            self.count += len(keys)
            return
        for key, step, value in zip(keys, steps, values, strict=True):
            self.add({key: value, "step": step})

    def _add_alike(self, keys: Sequence[str], cells: Cells, row: Callable[[int], Row]) -> int:
        """Add rows of the same keys; ``row`` gives one of them. Return how many held no number."""
        useless = done = 0
        if len(cells) >= _WORTH_TURNING:
            if any(key not in self._targets for key in keys):
                useless += not self.add(row(0))
                done = 1
            if self._add_turned(keys, cells[done:]):
                return useless
        return useless + sum(not self.add(row(at)) for at in range(done, len(cells)))

    def _add_turned(self, keys: Sequence[str], cells: Cells) -> bool:
        """Add rows by their columns; False, with nothing done, where their order must be minded row by row."""
        shape = turned(keys, [self._targets.get(key) for key in keys], cells)
        if shape is None or (self._epoch is not None and any(one[1] is self._epoch for one in shape.mixed)):
            return False
        steps = self._turned_steps(shape)
        if steps is None or not self._rises(steps, shape):
            return False
        self._commit(steps, shape)
        return True

    def _turned_steps(self, shape: Turned) -> Floats | None:
        """The step of each row; None where it may begin anew or is not told by all."""
        if shape.steps is None:
            if self._stepped:
                return np.full(shape.count, self._step)
            epochs = shape.of(self._epoch)
            if epochs is None:
                return np.arange(self.count, self.count + shape.count, dtype=np.float64)
            return epochs if np.isfinite(epochs).all() else None
        if not np.isfinite(shape.steps).all():
            return None
        steps = shape.steps + self._passed
        back = shape.steps[backward(self._step, steps)]
        first = shape.steps[0] if math.isnan(self._first) else self._first
        return None if back.size and back.min() <= first else steps

    def _rises(self, steps: Floats, shape: Turned) -> bool:
        """Whether no earlier point must give way to one of these, where the last one wins."""
        own = bool((np.diff(steps) > 0).all()) and not any(steps[0] <= column.last_step for column in shape.columns)
        return own or not self._last_wins

    def _commit(self, steps: Floats, shape: Turned) -> None:
        if shape.steps is not None and self._loss is not None and shape.of(self._loss) is not None:
            self._again += int((np.diff(steps, prepend=self._loss.last_step) == 0).sum())
        for column, values in shape.points:
            column.extend(steps, values)
        for key in shape.numbers:
            self._blank.end(key)
        for key, mixed, cells, told in shape.mixed:
            for at, (value, found) in enumerate(zip(cells, told, strict=True)):
                if found is not None and mixed is not None:
                    self._blank.end(key)
                    self._again += mixed is self._loss and shape.steps is not None and mixed.last_step == steps[at]
                    mixed.append(float(steps[at]), found)
                elif is_blank(value):
                    self._nulls += value is None and key in self._targets
                    self._blank.note(key, float(steps[at]), self.count + at)
        if shape.steps is None:
            self._unstepped += shape.count
        else:
            self._stepped = True
            self._first = float(shape.steps[0]) if math.isnan(self._first) else self._first
            self._back += int(backward(self._step, steps).sum())
        self._step = float(steps[-1])
        self._reached(shape.of(self._epoch))
        self.count += shape.count

    def _reached(self, epochs: Floats | None) -> None:
        if epochs is not None and (finite := epochs[np.isfinite(epochs)]).size:
            self._latest_epoch = float(finite[-1])
