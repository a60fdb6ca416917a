"""The `.wandb` file of a Weights & Biases run, offline or not, without its library.

Each record is a protocol-buffer `Record` (wandb/proto/wandb_internal.proto); of its kinds the history, the
configuration, the name, what was printed and the exit code are read. Values are JSON texts, NaN and Infinity among
them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

from sad_doctor import names, words
from sad_doctor.readers.ending import Ending
from sad_doctor.readers.events import Events
from sad_doctor.readers.naming import LENGTHS
from sad_doctor.readers.protobuf import fields, signed, text
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.source import Log, Reader
from sad_doctor.readers.tail import Pace, Tail
from sad_doctor.readers.tracebacks import Tracebacks
from sad_doctor.readers.wandb_block import Told, histories
from sad_doctor.readers.wandb_items import item, items
from sad_doctor.readers.wandb_records import Records
from sad_doctor.run import Event, Run
from sad_doctor.sanitize import sanitize

FORMAT = "Weights & Biases run"
MAGIC = b":W&B"
_HISTORY, _CONFIG, _OUTPUT, _RUN, _EXIT = 2, 5, 13, 17, 18
_READ = frozenset({_HISTORY, _CONFIG, _OUTPUT, _RUN, _EXIT})
_RUN_ID, _RUN_CONFIG, _RUN_NAME = 1, 4, 8
_LINE = 3
_SHOWN_LINES = 40
_OWN = "_"
"""Begins the keys that wandb adds itself: the step, the time, the runtime."""


def recognises(_path: Path, head: bytes) -> bool:
    """Return whether the file begins as such a file does."""
    return head.startswith(MAGIC)


class WandbLog(Log):
    """Follows the file of a run."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pace = Pace()
        self._tail = Tail(path.resolve(), self.pace)
        self._name = ""
        self._exit: int | None = None
        self._new: list[dict[str, object]] = []
        self._layout: frozenset[str] = frozenset()
        self._stepped = False
        self._shown: list[str] = []
        self._start()

    def _read(self) -> bool:
        return self._tail.read(self._take, self._start)

    def _make_run(self) -> Run:
        notes = [*self._rows.notes, *self._tail.notes]
        if self._garbage:
            notes.append(f"left out as unreadable: {words.counted(self._garbage, 'record')}")
        if self._records.broken is not None:
            notes.append(f"the file is broken at byte {self._records.broken:,}: what comes after is not read")
        events, status = self._ended()
        return Run(
            name=sanitize(self._name or self.path.name, 200),
            format=FORMAT,
            path=self.path,
            columns=self._rows.snapshot(),
            events=events,
            facts={names.STATUS: status, **self._config, **self._rows.facts},
            notes=tuple(notes),
            tail=tuple(self._tail_lines),
        )

    def _take(self, chunk: bytes) -> None:
        for many, rest in histories(self._records.feed(chunk), _READ):
            self._tell(many)
            for record in rest:
                try:
                    self._record(record)
                except ValueError:
                    self._garbage += 1
        self._flush()

    def _record(self, record: bytes) -> None:
        for number, value in fields(record):
            if not isinstance(value, bytes):
                continue
            if number == _HISTORY:
                self._history(value)
            elif number == _CONFIG:
                self._configure(value)
            elif number == _RUN:
                self._named(value)
            elif number == _OUTPUT:
                self._printed(value)
            elif number == _EXIT:
                self._exit = next((one for key, one in fields(value) if key == 1 and isinstance(one, int)), 0)

    def _history(self, history: bytes) -> None:
        step: int | None = None
        told, end = items(history)
        for number, value in fields(history[end:]):
            if number == 1 and isinstance(value, bytes):
                told.append(item(value))
            elif number == 2 and isinstance(value, bytes):
                step = next((signed(one) for key, one in fields(value) if key == 1 and isinstance(one, int)), 0)
        self._tell([(dict(told), step)])

    def _tell(self, many: Sequence[Told]) -> None:
        """Take items and step of records; those of the same keys are kept until others come or all are shown."""
        for every, step in many:
            if step is None:
                step = every.get("_step")
            # the writer's order is that of a hash table: that of the first record holds for all with the same keys
            if every.keys() != self._layout or (step is None) == self._stepped:
                self._flush()
                self._layout, self._stepped = frozenset(every), step is not None
                self._shown = [key for key in every if not key.startswith(_OWN)]
            if self._shown:
                if step is not None:
                    every["step"] = step
                self._new.append(every)

    def _flush(self) -> None:
        """Put the rows that were kept into the columns."""
        if not self._new:
            return
        new, self._new = self._new, []
        keys = list(dict.fromkeys([*self._shown, "step"])) if self._stepped else self._shown
        cells = list(map(itemgetter(*keys), new)) if len(keys) > 1 else [(row[keys[0]],) for row in new]
        self._rows.add_table(keys, cells)

    def _printed(self, output: bytes) -> None:
        for number, value in fields(output):
            if number == _LINE:
                for line in text(value).splitlines():
                    self._tail_lines.append(sanitize(line, 500))
                    if error := self._tracebacks.feed(line):
                        self._ending.crash(error, self._rows_step())

    def _rows_step(self) -> float | None:
        self._flush()
        steps = [float(column.step[-1]) for column in self._rows.snapshot().values() if len(column)]
        return max(steps, default=None)

    def _ended(self) -> tuple[tuple[Event, ...], str]:
        """Events and status: the exit code decides, and what was printed tells why."""
        events, status = self._ending.with_open(self._tracebacks.unended(), self._rows_step())
        if self._exit is None or (self._exit and status != "unknown"):
            return events, status
        if self._exit == 0:
            return events, "finished"
        return (*events, Event(names.EVENT_CRASH, f"exit code {self._exit}", self._rows_step())), "crashed"

    def _configure(self, config: bytes) -> None:
        for number, value in fields(config):
            if number == 1 and isinstance(value, bytes):
                key, told = item(value)
                self._said(key, told)

    def _named(self, run: bytes) -> None:
        for number, value in fields(run):
            if number == _RUN_CONFIG and isinstance(value, bytes):
                self._configure(value)
            elif number == _RUN_NAME or (number == _RUN_ID and not self._name):
                self._name = text(value)

    def _said(self, key: str, told: object) -> None:
        if key in LENGTHS and isinstance(told, int | float):
            self._config[names.TOTAL_STEPS] = float(told)

    def _start(self) -> None:
        self._records = Records()
        self._rows = Rows(last_wins=True)
        self._new = []
        self._layout = frozenset()
        self._stepped = False
        self._shown = []
        self._config: dict[str, object] = {}
        self._garbage = 0
        self._name = ""
        self._exit = None
        self._tail_lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        self._tracebacks = Tracebacks()
        self._ending = Ending(Events())


READER = Reader(FORMAT, recognises, WandbLog)
