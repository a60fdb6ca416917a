"""Understands the lines of a training's console log, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite

from sad_doctor import names
from sad_doctor.readers import phrases
from sad_doctor.readers.columns import MOST_COLUMNS, Columns
from sad_doctor.readers.ending import Ending
from sad_doctor.readers.events import Events
from sad_doctor.readers.naming import plain, term, unused
from sad_doctor.readers.prefixes import without_prefix
from sad_doctor.readers.progress import Bar, Beside, find_bar
from sad_doctor.readers.step_lines import StepLines, evaluations
from sad_doctor.readers.tracebacks import UNENDED, Tracebacks
from sad_doctor.readers.trainer_lines import Row, TrainerLines
from sad_doctor.run import Column, Event
from sad_doctor.sealed import sealed

Handlers = tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], None]], ...]

_RAW_LINE = "line/raw/"
_NONE_YET = -1.0
_TRAINS = frozenset(
    {phrases.BLOCK, phrases.CURRICULUM, phrases.TERM, phrases.TOTAL, phrases.BAR_LOSS, phrases.EVAL}
    | {phrases.EVAL_PARTS, phrases.EVAL_LINE}
)
"""Kinds of lines that a program prints only while it is alive."""
_LAG = 2  # steps by which a bar may lag behind the blocks, also when it is drawn a last time after a crash


@sealed
class Told:
    """What the lines have told so far."""

    columns: dict[str, Column]
    events: tuple[Event, ...]
    facts: dict[str, object]
    notes: tuple[str, ...]


class Transcript:
    """Takes clean lines; keeps columns, events and facts.

    ``step`` is that of the last training line. A bar counts the batches that are done, so the batch at work is often
    the one after it.
    """

    def __init__(self) -> None:
        self.step = _NONE_YET
        self._at_work = _NONE_YET
        self._columns = Columns()
        self._events = Events()
        self._tracebacks = Tracebacks()
        self._trainer = TrainerLines()
        self._steps = StepLines()
        self._beside = Beside()
        self._ending = Ending(self._events)
        self._section: str | None = None
        self._in_section = self._sectioned = False
        self._read_as: dict[str, str] = {}
        self._first_epoch: int | None = None
        self._bar_total = self._last_epoch = self._epochs = 0
        self._settings: dict[str, object] = {}
        self._bracketed: Handlers = (
            (phrases.BLOCK, self._on_block),
            (phrases.CURRICULUM, self._on_curriculum),
            (phrases.TERM, self._on_term),
            (phrases.TOTAL, lambda found: self._put(names.LOSS, found[1])),
            (phrases.EVAL, self._on_eval),
            (phrases.EVAL_PARTS, self._on_eval_parts),
            (phrases.WARNING, self._on_warning),
            (phrases.EARLY_STOP, self._on_early_stop),
        )
        self._others: Handlers = (
            (phrases.TOTAL, lambda found: self._put(names.LOSS, found[1])),
            (phrases.BAR_LOSS, lambda found: self._put(names.BAR_LOSS, found[1])),
            (phrases.EVAL_LINE, self._on_eval_line),
            (phrases.FINISHED, lambda _: self._on_finish()),
            (phrases.INTERRUPTED, lambda found: self._ending.interrupt(found.string, self._step_or_none())),
            (phrases.FAILED, lambda found: self.crash(found[1])),
            (phrases.EARLY_STOPPED, self._on_early_stop),
            (phrases.KILLED, lambda found: self.crash(found[1] or found[2])),
            (phrases.EPOCHS, self._on_epochs),
            (phrases.LENGTH, lambda found: self._trainer.lasts(found[1], int(found[2].replace(",", "")))),
            (phrases.SETTING, self._on_setting),
        )

    def line(self, line: str) -> None:
        """Take the next line."""
        line = without_prefix(line)
        bar = find_bar(line)
        while bar is not None:
            self._on_bar(bar)
            line = line[bar.end :]
            if not line.strip():
                return
            bar = find_bar(line)
        error = self._tracebacks.feed(line)
        if error is not None:
            self.crash(error)
        elif not self._tracebacks.active:
            self._plain_line(line.strip())

    def snapshot(self, rest: str = "") -> Told:
        """Return all that was told; ``rest`` is a last line without its end: an error in it already counts."""
        rest = without_prefix(rest)
        error = self._tracebacks.error_in(rest) or self._tracebacks.unended(rest) or phrases.fatal(rest.strip())
        events, status = self._ending.with_open(error, self._step_or_none())
        columns = self._trainer.with_waiting(self._published(), rest)
        return Told(*self._trainer.placed(columns, events), self._facts(status), self._notes())

    def _plain_line(self, line: str) -> None:
        section = phrases.SECTIONS.get(line.lower())
        if section is not None:
            self._section, self._in_section = section, False
            return
        if (rows := self._trainer.line(line)) is not None:
            self._went_on()
            self._on_rows(rows)
            return
        for pattern, handle in self._bracketed if line.startswith("[") else self._others:
            if (found := pattern.match(line)) is not None:
                self._section = None
                if pattern in _TRAINS:
                    self._went_on()
                handle(found)
                return
        if (fatal := phrases.fatal(line)) is not None:
            self.crash(fatal)
        elif not self._part(line):
            self._step_line(line)

    def _part(self, line: str) -> bool:
        """A line ``name: value`` of the open section; a line of another shape closes it."""
        if self._section is None:
            return False
        if not line and not self._in_section:
            return True
        found = phrases.PAIR.fullmatch(line)
        if found is None or plain(found[1]).startswith("sum_of"):
            self._section = None
            return False
        self._in_section = self._sectioned = True
        self._put(self._section + self._term(found[1]), found[2])
        return True

    def _step_line(self, line: str) -> None:
        """A line that names its step and values, or its values alone where no other shape tells the steps."""
        known = self.step != _NONE_YET and not self._steps.told
        if (step := self._steps.line(line, known)) is not None:
            self._advance(step)
        for column, value in evaluations(line) if known else ():
            self._put(column, value)

    def _on_bar(self, bar: Bar) -> None:
        self._on_rows(self._trainer.bar(bar))
        if not bar.is_training:
            return
        if bar.epoch is not None:
            self._first_epoch = bar.epoch if self._first_epoch is None else self._first_epoch
            self._last_epoch = bar.epoch
        self._bar_total = bar.total or self._bar_total
        if not bar.values:
            return
        passed = max(0, self._last_epoch - (self._first_epoch or 0)) * self._bar_total
        step = bar.values.get("step", float(passed + bar.at))
        if not bar.at and step < self.step and "step" not in bar.values:
            return  # at an epoch's end the bar is drawn once more, empty, with the old values
        self._advance(step if isfinite(step) else self.step)
        self._at_work = max(self.step, float(passed + bar.at))
        for column, value in self._beside.news(bar):
            self._put(column, value)

    def _on_rows(self, rows: list[Row]) -> None:
        for row in rows:
            self._advance(row.step)
            for name, value in row.values.items():
                self._put(name, value)
            if row.ends:
                self._on_finish()

    def _on_block(self, found: re.Match[str]) -> None:
        self._advance(float(found[1]))

    def _on_curriculum(self, found: re.Match[str]) -> None:
        self._advance(float(found[1]))
        for name, value in phrases.WEIGHT.findall(found[2]):
            self._put(names.WEIGHT + self._term(name), value)

    def _on_term(self, found: re.Match[str]) -> None:
        group, part = found[1].lower(), found[2]
        name = self._term(f"{group}_{part}" if part else group)
        prefixes = {"raw": _RAW_LINE, "weight": names.WEIGHT, "weighted": names.WEIGHTED, "scaled": names.WEIGHTED}
        for kind, value in phrases.PART.findall(found[3]):
            self._put(prefixes[kind.lower()] + name, value)

    def _on_eval(self, found: re.Match[str]) -> None:
        self._put(names.EVAL_LOSS, found[1])
        if found[2]:
            self._put(names.EVAL_PERPLEXITY, found[2])

    def _on_eval_parts(self, found: re.Match[str]) -> None:
        for name, value in phrases.PAIR.findall(found[1]):
            self._put(names.EVAL_RAW + self._term(name.removeprefix("eval_")), value)

    def _on_eval_line(self, found: re.Match[str]) -> None:
        self._put(names.EVAL_PERPLEXITY if found[1].lower() == "perplexity" else names.EVAL_LOSS, found[2])

    def _on_warning(self, found: re.Match[str]) -> None:
        if phrases.NON_FINITE.search(found[1]):
            self._events.add(names.EVENT_NON_FINITE, found[1], None if self._at_work == _NONE_YET else self._at_work)
        else:
            self._events.add(names.EVENT_WARNING, found[1], self._step_or_none())

    def _on_early_stop(self, found: re.Match[str]) -> None:
        self._went_on()
        self._ending.early_stop(found[1], self._step_or_none())

    def crash(self, error: str) -> None:
        """Take an error that ended the run, as far as is known."""
        self._ending.crash(error, self._step_or_none())

    def _on_finish(self) -> None:
        self._went_on()
        self._ending.outlived()
        self._ending.finish()

    def _on_epochs(self, found: re.Match[str]) -> None:
        self._epochs = max(self._epochs, int(found[1] or found[2] or found[3]))
        self._steps.line(found.string, known=True)

    def _on_setting(self, found: re.Match[str]) -> None:
        self._settings[plain(found[1])] = found[2].strip()

    def _advance(self, step: float) -> None:
        """A training line of ``step``: whatever seemed the end of the run before it was not."""
        if not self.step - _LAG <= step <= self.step:
            self._went_on()
            self._ending.outlived()
        self.step = self._at_work = step

    def _went_on(self) -> None:
        """Note that a traceback that has not ended was caught, since the training goes on."""
        if self._tracebacks.close():
            self._events.add(names.EVENT_WARNING, f"caught: {UNENDED}", self._step_or_none())

    def _put(self, name: str, value: str | float) -> None:
        column = self._columns.named(name)
        if column is not None:
            column.replace(max(self.step, 0.0), float(value))

    def _term(self, name: str) -> str:
        ours = term(name) or plain(name).removesuffix("_loss")
        if ours != name and len(self._read_as) < MOST_COLUMNS:
            self._read_as[name] = ours
        return ours

    def _step_or_none(self) -> float | None:
        return None if self.step == _NONE_YET else self.step

    def _published(self) -> dict[str, Column]:
        """The columns under their public names: the bar's loss is the loss only where no total is printed."""
        columns = {**self._steps.columns, **self._columns.snapshot()}
        if names.LOSS not in columns and names.BAR_LOSS in columns:
            columns[names.LOSS] = columns.pop(names.BAR_LOSS)
        for name in [name for name in columns if name.startswith(_RAW_LINE)]:
            part = name.removeprefix(_RAW_LINE)
            columns[names.UNWEIGHTED + part if names.RAW + part in columns else names.RAW + part] = columns.pop(name)
        return columns

    def _facts(self, status: str) -> dict[str, object]:
        facts: dict[str, object] = {names.STATUS: status, "events": True, **self._steps.facts, **self._trainer.facts}
        epochs, total = max(self._epochs, self._last_epoch - (self._first_epoch or 0) + 1), self._bar_total
        facts |= {names.TOTAL_STEPS: total * epochs, "batches_per_epoch": total} if total else {}
        facts |= {"epochs": self._epochs} if self._epochs else {}
        facts |= {names.CONFIG: dict(self._settings)} if self._settings else {}
        return facts

    def _notes(self) -> tuple[str, ...]:
        columns = self._columns.snapshot()
        notes = [*self._trainer.notes, *self._steps.notes] or ["steps are batches, as the log counts them"]
        if self._bar_total and not self._epochs:
            notes.append("the number of epochs is not told: those seen are taken for all")
        if names.BAR_LOSS in columns and names.LOSS in columns:
            notes.append(f"train/loss is the total printed in the blocks; the bar's mean is kept as {names.BAR_LOSS}")
        elif names.BAR_LOSS in columns:
            notes.append("train/loss is the loss of the progress bar, which may be a mean over batches")
        if self._sectioned and any(name.startswith(names.RAW) for name in columns):
            notes.append("what is printed under `Raw loss components:` is kept as train/raw/ as printed")
        if any(name.startswith(_RAW_LINE) and names.RAW + name.removeprefix(_RAW_LINE) in columns for name in columns):
            notes.append(f"`Raw:` values of parts that the blocks list too are kept as {names.UNWEIGHTED}")
        if self._read_as:
            notes.append("read " + ", ".join(f"{name} as {ours}" for name, ours in list(self._read_as.items())[:40]))
        if self._columns.full:
            notes.append(f"more than {MOST_COLUMNS:,} different metrics: further ones that no rule knows were left out")
        return (*notes, *unused(name for name in columns if not name.startswith(_RAW_LINE)), *self._events.notes)
