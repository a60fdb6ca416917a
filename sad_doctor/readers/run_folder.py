"""Our own run folder, as :mod:`sad_doctor.record` writes it: metrics.jsonl, events.jsonl, run.json."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from json import JSONDecodeError
from pathlib import Path

from sad_doctor import bounded, names
from sad_doctor.readers.cached_rows import CachedRows
from sad_doctor.readers.events import Events
from sad_doctor.readers.json_objects import JsonObjects, Row
from sad_doctor.readers.numbers import number
from sad_doctor.readers.source import Log
from sad_doctor.readers.tail import Pace
from sad_doctor.record import EVENTS, METRICS, RUN
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "run folder"
RECIPE = "recipe.toml"
"""What `sad train` writes first."""
_LARGEST_FACTS = 16 << 20
_DEEPEST_FACT = 12
_SILENCE = 60.0
"""Seconds without news after which a run that says it is running is judged again: it may have died."""


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` is a run that our writer made."""
    return (folder / RUN).is_file() or ((folder / METRICS).is_file() and (folder / EVENTS).is_file())


def begins(folder: Path) -> bool:
    """Return whether ``folder`` is to be a run of `sad train`: its recipe is there before its record."""
    return (folder / RECIPE).is_file() and not recognises(folder)


class RunFolder(Log):
    """Follows a run folder. A step that is logged again, as after a resume, replaces what came from it on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._folder = path.resolve()
        self._events = Events()
        self._facts: dict[str, object] = {}
        self._facts_stat: tuple[int, int, int] | None = None
        self._facts_broken = ""
        self.pace = Pace()
        self._metrics_file = CachedRows(self._folder / METRICS, self.pace, last_wins=True)
        self._events_file = JsonObjects(self._folder / EVENTS, self._event, self._events_reset, self.pace)
        self._looked = time.time()

    def _read(self) -> bool:
        # The writer flushes its lines before it says in run.json that it has finished: read in the other order.
        changed = self._poll_facts()
        changed |= self._metrics_file.poll()
        changed |= self._events_file.poll()
        now = time.time()
        # silence is news too, of a run that says it is running
        changed |= self._facts.get(names.STATUS) == "running" and now - self._looked > _SILENCE
        if changed:
            self._looked = now
        return changed

    def _make_run(self) -> Run:
        broken: dict[str, object] = {}
        notes = [*self._metrics_file.rows.notes, *self._metrics_file.notes, *self._events.notes]
        notes += [f"{EVENTS}: {note}" for note in self._events_file.notes]
        if self._facts_broken:
            notes.append(f"{RUN} cannot be read as JSON: its facts are not known")
            broken = {names.UNREAD: f"the facts in {RUN} cannot be read{self._facts_broken}; no rule knows them"}
        told = self._metrics_file.rows.facts
        again = {names.REWOUND: told[names.REWOUND]} if names.REWOUND in told else {}
        return Run(
            name=sanitize(self._folder.name, 200),
            format=FORMAT,
            path=self.path,
            columns=self._metrics_file.rows.snapshot(),
            events=self._events.snapshot(),
            facts={
                names.STATUS: "unknown",
                "events": True,
                **self._facts,
                **again,
                **broken,
                names.SEEN: self._looked,
            },
            notes=tuple(notes),
        )

    def _poll_facts(self) -> bool:
        path = self._folder / RUN
        try:
            found = os.stat(path)
            stat = (found.st_ino, found.st_size, found.st_mtime_ns)
            if stat == self._facts_stat:
                return False
            facts = bounded.json_of(path, _LARGEST_FACTS)
        except OSError:
            return False
        except ValueError as error:
            self._facts_stat, self._facts_broken = stat, _fault(error)
            return True
        self._facts_stat = stat
        self._facts_broken = "" if isinstance(facts, dict) else ": it is no JSON object"
        if isinstance(facts, dict):
            self._facts = {sanitize(str(key), 200): cleaned(value) for key, value in facts.items()}
        return True

    def _event(self, row: Row) -> bool:
        kind = row.get("kind")
        if not isinstance(kind, str):
            return False
        message = row.get("message", "")
        self._events.add(
            kind, message if isinstance(message, str) else "", number(row.get("step")), number(row.get("time"))
        )
        return True

    def _events_reset(self) -> None:
        self._events = Events()


def _fault(error: ValueError) -> str:
    """The reason why a file of facts was not read, to go behind a colon."""
    return ": it is no JSON" if isinstance(error, JSONDecodeError) else f": {error}"


def cleaned(value: object, depth: int = 0) -> object:
    """Return a JSON value with every text in it clean; what is nested too deep becomes text."""
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, Mapping | list) and depth >= _DEEPEST_FACT:
        return "…"
    if isinstance(value, Mapping):
        return {sanitize(str(key), 200): cleaned(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [cleaned(one, depth + 1) for one in value]
    return value
