"""The lines that a training loop prints for itself, one after the other, as columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from sad_doctor import names
from sad_doctor.readers.naming import column_of, plain
from sad_doctor.readers.numbers import NUMBER
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.step_line import EVALUATES, PARTS, Line, evaluated, parse
from sad_doctor.readers.table_lines import Tables
from sad_doctor.run import Column

_DEEPSPEED = re.compile(rf"step=\d{{1,12}}, skipped=\d{{1,12}}, lr=\[({NUMBER})[\],]", re.IGNORECASE)
"""What DeepSpeed prints of its optimizer's rate; its steps may be counted otherwise than those of the program."""
_EACH, _ESTIMATE = "logged/loss", "train_loss"
_HEADING = 60
"""Characters up to which a line may be a heading."""


class StepLines:
    """Takes lines; keeps their columns. ``known`` tells that the log has lines of another kind that name its steps."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._step: float | None = None
        self._epoch: float | None = None
        self._total: int | None = None
        self._numbered = self._loose = self._evaluates = False
        self._epochs: int | None = None
        self._counted = _Counted()
        self._tables = Tables()
        self._rate: float | None = None

    def line(self, line: str, known: bool) -> float | None:
        """Take a line; return the step of its values, or None if it has none that count."""
        if " skipped=" in line and (rate := _DEEPSPEED.search(line, 0, 300)) is not None:
            self._rate = float(rate[1])
            return None
        told = parse(self._tables.told(line))
        if told is None:
            self._evaluates = self._evaluates or (len(line) < _HEADING and EVALUATES.search(line) is not None)
            return None
        if not told.values:
            # a heading: the lines below it are of this step, or of this epoch
            if told.whole or len(line) < _HEADING:
                self._evaluates = EVALUATES.search(line) is not None
                self._step = told.step if told.step is not None else self._step
                self._loose = told.unnamed if told.step is not None else self._loose
                self._epoch = told.epoch if told.epoch is not None else self._epoch
                self._epochs = told.epochs or self._epochs
                if not told.unnamed:
                    self._count(told)
            return None
        told = self._of_its_heading(told)
        if (
            told.step is None
            and self._step is None
            and not (told.has_loss or (told.measures and (self.told or told.headed)))
        ):
            return None  # a line of settings; below a heading it is of that step
        placed = told.whole or self._numbered or told.epoch is not None
        if told.step is None and (known or not placed):
            return None
        self._numbered = self._numbered or told.step is not None
        if told.epoch is not None and self._loose:
            self._step = None  # "part 1/5" above lines that tell their epoch is no step
        step = told.step if told.step is not None else self._step
        epoch = told.epoch if told.epoch is not None else self._epoch
        row: dict[str, object] = dict(self._with_rate(told.values))
        evaluates = all(plain(name).startswith("eval/") for name in told.values)
        if evaluates and told.steps and self._counted.steps not in (None, told.steps) and epoch == self._counted.epoch:
            step = None  # a place among the batches of the evaluation
        row |= {} if step is None else {"step": self._counted.on(step, told.steps, epoch)}
        row |= {} if epoch is None else {"epoch": epoch}
        self._step = None if told.step is not None else self._step
        self._epoch = epoch
        self._count(told)
        return self._rows.step if self._rows.add(row) else None

    @property
    def told(self) -> bool:
        """Whether any line so far had values."""
        return self._rows.count > 0

    @property
    def columns(self) -> dict[str, Column]:
        """The columns as they are now; a loss of another kind that stands alone is the total."""
        columns = self._rows.snapshot()
        estimate = self._estimate(columns)
        if estimate is not None:
            columns[names.LOSS], columns[f"logged/{_ESTIMATE}"] = columns.pop(estimate), columns[names.LOSS]
        if (only := _alone(columns)) is not None:
            columns[names.LOSS] = columns.pop(only)
        return columns

    @property
    def facts(self) -> dict[str, object]:
        """How many steps the run will take, where a line tells it."""
        told = {} if self._total is None else {names.TOTAL_STEPS: self._total}
        return {**self._rows.facts, **told} if self._rows.count else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        if not self._rows.count:
            return ()
        counted = ("the step began anew with each epoch: it is counted on by the epoch's length",)
        only = _alone(self._rows.snapshot())
        swapped = self._estimate(self._rows.snapshot()) is not None
        each = (f"read loss as {names.LOSS}: {_ESTIMATE} stands beside evaluations alone",) if swapped else ()
        alone = () if only is None else (f"read {only} as {names.LOSS}: the log has no other loss",)
        return (*self._rows.notes, *each, *alone, *(counted if self._counted.passed else ()))

    def _estimate(self, columns: Mapping[str, Column]) -> str | None:
        """The name of the loss of each step, where that of an estimate on training texts, seldom taken, came first."""
        if names.EVAL_LOSS not in columns or names.LOSS not in columns:
            return None
        beside = np.isin(columns[names.LOSS].step, columns[names.EVAL_LOSS].step).all()
        often = _EACH in columns and len(columns[_EACH]) > len(columns[names.LOSS])
        return _EACH if beside and often else None

    def _of_its_heading(self, told: Line) -> Line:
        """Values that name no step, below a heading that tells an evaluation, are of it."""
        if told.step is not None or told.epoch is not None:
            self._evaluates = False
        elif self._evaluates and (self._numbered or self._step is not None):
            return replace(told, values=evaluated(told.values))
        return told

    def _with_rate(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """The values of a line of the training, with the rate that DeepSpeed told before it."""
        if self._rate is None or all(plain(name).startswith("eval/") for name in values):
            return values
        rate, self._rate = self._rate, None
        return values if any(column_of(name) == names.LEARNING_RATE for name in values) else {**values, "lr": rate}

    def _count(self, told: Line) -> None:
        if told.steps is None:
            return
        epochs = told.epochs or self._epochs
        if told.overall or (told.epoch is None and self._epoch is None) or self._counted.runs_on:
            self._total = told.steps
        elif epochs is not None:
            self._total = told.steps * epochs


def evaluations(line: str) -> Iterator[tuple[str, float]]:
    """Yield the columns and values of an evaluation, of a line that tells no step, in a log whose bars do."""
    told = parse(line)
    if told is not None and told.step is None and (told.whole or told.epoch is not None):
        for name, value in told.values.items():
            column = column_of(name.removesuffix("_epoch_loss") + "_loss" if name.endswith("_epoch_loss") else name)
            if column is not None and column.startswith("eval/"):
                yield column, value


class _Counted:
    """Counts steps on that begin anew with a later epoch, where a line tells the epoch's length.

    Without the length the rows count on from the step before, and an epoch of one line would have no step of its own.
    """

    def __init__(self) -> None:
        self.passed = 0.0
        self.steps: int | None = None
        self.epoch: float | None = None
        self.runs_on = False
        """Whether the step went on into a later epoch, so that its ``N/M`` is of the whole run."""
        self._first: float | None = None
        self._step = -1.0

    def on(self, step: float, steps: int | None, epoch: float | None) -> float:
        if epoch is not None and steps:
            self._first = epoch if self._first is None else self._first
            if self.epoch is not None and epoch > self.epoch and step <= self._step:
                self.passed = (epoch - self._first) * steps
            elif self.epoch is not None and epoch > self.epoch and not self.passed:
                self.runs_on = True
            self.epoch, self.steps, self._step = epoch, steps, step
        return step + self.passed


def _alone(columns: Mapping[str, Column]) -> str | None:
    """The name of the only loss of a training, where that is one of a kind that we do not know."""
    if any(name == names.LOSS or name.startswith(PARTS) for name in columns):
        return None
    found = [name for name in columns if plain(name).endswith("_loss") and names.maybe_term(name) is not None]
    return found[0] if len(found) == 1 else None


def trains(lines: Iterable[str]) -> bool:
    """Whether lines are a training's: one of them has a step and a loss, or several are nothing but values."""
    plain_ones = 0
    for line in lines:
        told = parse(line)
        if told is None or not told.trains:
            continue
        plain_ones += told.whole
        if told.step is not None or told.epoch is not None or plain_ones > 2:
            return True
    return False
