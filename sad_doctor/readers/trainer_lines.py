"""What Hugging Face's Trainer prints: ``{'loss': '4.161', 'grad_norm': '0.8688', 'epoch': '0.125'}`` between bars.

Version 5 quotes the numbers, with 4 significant digits; version 4 does not. No step is printed: the bar has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sad_doctor import names
from sad_doctor.readers.naming import Naming, scale_of, step_rank
from sad_doctor.readers.numbers import NUMBER
from sad_doctor.readers.printed_epochs import PrintedEpochs
from sad_doctor.readers.progress import Bar, find_bar
from sad_doctor.run import Column, Event, Floats
from sad_doctor.sealed import sealed

_LINE = re.compile(r"(\{'[^{}]*\})(?:[\s|]{1,200}\d{1,15}/\d{1,15} \[[^\[\]]{0,200}\])?\s*")
"""The dictionary, and behind it what is left of a bar that it was printed over."""
_VALUE = re.compile(rf"'([^']{{1,80}})': '?({NUMBER})'?(?=[,}}])", re.IGNORECASE)
_SUMMARY = "train_runtime"
_STEPS, _EPOCHS = "Total optimization steps", "Num Epochs"


@sealed
class Row:
    """One line: its step, and its values by our names. ``ends`` marks the summary, which has no values of its own."""

    step: float
    values: Mapping[str, float]
    ends: bool = False


class TrainerLines:
    """Takes bars and lines in order; gives rows.

    The Trainer draws its bar anew behind each line, so a line waits for that bar and has its step. Bars of evaluations
    stand between, with another total. In a log without bars the step is the number of the record, which :meth:`placed`
    turns into the step of the epoch, where the log says how many steps and epochs there will be; else into the epoch.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self._step = 0.0
        self._seen = False
        self._drawn = self._named = False
        self._waiting: dict[str, float] | None = None
        self._length: dict[str, int] = {}
        self._epochs = PrintedEpochs()
        self._told: set[str] = set()
        self._naming = Naming()

    def lasts(self, what: str, count: int) -> None:
        """Take what the Trainer says before it begins: ``Total optimization steps`` or ``Num Epochs``."""
        self._length[what] = count

    @property
    def _per_epoch(self) -> float | None:
        steps, epochs = self._length.get(_STEPS), self._length.get(_EPOCHS)
        return steps / epochs if steps and epochs else None

    def bar(self, bar: Bar) -> list[Row]:
        """Take a bar; return the rows that it completes. One with a description or values is not the Trainer's."""
        if not bar.total or bar.description or bar.values:
            return []
        self._drawn = True
        if self._waiting is None:
            self._step = float(bar.at) if bar.total == self.total else self._step
            return []
        self.total = self.total or bar.total
        if bar.total != self.total:
            return []
        self._step = float(bar.at)
        return self._release(bar.rate)

    def line(self, line: str) -> list[Row] | None:
        """Take a line; return the rows that it completes, or None if it is none of the Trainer's."""
        if (found := _LINE.fullmatch(line)) is None:
            return None
        values = {key: float(value) for key, value in _VALUE.findall(found[1])}
        if _SUMMARY not in values and "loss" not in values and not any(key.startswith("eval_") for key in values):
            return None
        rows = self._release()
        if _SUMMARY in values:
            return [*rows, Row(self._step, {}, ends=True)]
        own = next((key for key in values if step_rank(key) is not None), None)
        if own is not None:
            # somebody's own print of a dictionary
            self._step, self._named = values.pop(own), True
            return [*rows, Row(self._step, self._ours(values))]
        self._seen = True
        self._waiting = values
        if self._drawn:
            return rows
        self._number(values)
        return [*rows, *self._release()]

    def _number(self, values: Mapping[str, float]) -> None:
        """Count a record: of a loss, of another epoch than the one before, or with a value that it has already."""
        keys, epoch = values.keys() - {"epoch"}, values.get("epoch")
        if epoch is None:
            self._step += "loss" in values
        elif "loss" in values or epoch != self._epochs.last or keys & self._told or not self._epochs:
            self._epochs.add(epoch, "loss" in values)
            self._told.clear()
            self._step = float(len(self._epochs))
        self._told |= keys

    @property
    def by_epoch(self) -> bool:
        """Whether the steps are numbers of records, to be told as the places of their epochs."""
        return bool(self._epochs) and not self._drawn and not self._named

    def placed(
        self, columns: dict[str, Column], events: tuple[Event, ...]
    ) -> tuple[dict[str, Column], tuple[Event, ...]]:
        """Return both with places in place of numbers of records: steps, where the log tells how many there will be,
        else epochs.
        """
        if not self.by_epoch:
            return columns, events
        found = {name: Column(self._places(of.step), of.value) for name, of in columns.items()}
        told = (e if e.step is None else replace(e, step=self._places(np.array([e.step])).item()) for e in events)
        return found, tuple(told)

    def _places(self, records: Floats) -> Floats:
        places = self._epochs.places()
        if self._per_epoch is not None:
            whole = np.round(places * self._per_epoch)
            kept = (np.diff(whole) > 0) | (np.diff(places) <= 0)
            places = whole if kept.all() else places * self._per_epoch
        return np.interp(records, np.arange(len(places)), places)

    def with_waiting(self, columns: dict[str, Column], rest: str) -> dict[str, Column]:
        """Return ``columns`` with the line that still waits; ``rest`` is the last line without its end, often a bar."""
        if self._waiting is None:
            return columns
        bar = find_bar(rest)
        step = float(bar.at) if bar is not None and bar.total == (self.total or bar.total) else self._step
        return columns | {name: _longer(columns.get(name), step, v) for name, v in self._ours(self._waiting).items()}

    def _release(self, rate: float | None = None) -> list[Row]:
        values, self._waiting = self._waiting, None
        if values is None:
            return []
        # after an evaluation the pace includes the time that it took
        paced = {} if rate is None or "loss" not in values else {names.STEPS_PER_SECOND: rate}
        return [Row(self._step, paced | self._ours(values))]

    def _ours(self, values: Mapping[str, float]) -> dict[str, float]:
        found = {key: self._naming.column(key, values) for key in values}
        return {found[key]: value * scale_of(key, found[key]) for key, value in values.items()}

    @property
    def facts(self) -> dict[str, object]:
        """The length of the run, where a bar told it."""
        if self.total or not self._seen or not self.by_epoch:
            total = self.total or self._length.get(_STEPS)
            return {names.TOTAL_STEPS: total} if total else {}
        if self._per_epoch:
            return {names.TOTAL_STEPS: self._length[_STEPS]}
        epochs = self._length.get(_EPOCHS)
        return {names.STEP_UNIT: "epoch"} | ({names.TOTAL_STEPS: epochs} if epochs else {})

    @property
    def _counts(self) -> bool:
        return self.by_epoch and self._per_epoch is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """A line that says where the steps come from."""
        if not self._seen:
            return ("the step is the one that each line names",) if self._named else ()
        source = "the progress bar drawn behind them" if self._drawn else "the epoch or the number of the line"
        source = "their epoch, by the number of steps and epochs told before" if self._counts else source
        return (f"the printed values have 4 digits and no step: it is that of {source}",)


def _longer(column: Column | None, step: float, value: float) -> Column:
    if column is None:
        return Column(np.array([step]), np.array([value]))
    return Column(np.append(column.step, step), np.append(column.value, value))
