"""A log whose columns were named by the user: ``--map my_kl=train/raw/kd``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sad_doctor import names, words
from sad_doctor.readers.naming import column_of, in_bytes
from sad_doctor.readers.source import Source, Unreadable
from sad_doctor.readers.tail import Pace
from sad_doctor.run import Column, Run
from sad_doctor.sanitize import sanitize

METRICS = frozenset(
    value
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str) and "/" in value and not value.endswith("/")
)
"""Every metric that is a column of its own; those of terms begin with one of ``names.PREFIXES``."""


def is_ours(name: str) -> bool:
    """Return whether ``name`` is a column that the rules know."""
    return name in METRICS or any(name.startswith(p) and len(name) > len(p) for p in names.PREFIXES)


def nearest(name: str) -> str:
    """Return a question for the column of ours that ``name`` may stand for, or a few of them where none is near."""
    known = sorted(METRICS | {prefix + term for prefix in names.PREFIXES for term in (names.KD, names.LM)})
    # of several that end in this word the one of training is meant: loss is train/loss
    ends = sorted((one for one in known if one.endswith(f"/{name}")), key=lambda one: (len(one.split("/")), one))
    if ends:
        return f"did you mean {next((one for one in ends if one.startswith('train/')), ends[0])}?"
    near = words.alike(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"such are {names.LOSS}, {names.RAW}{names.KD} and {names.EVAL_LOSS}"


def named(source: Source, columns: Mapping[str, str], total_steps: float | None = None) -> Source:
    """Return ``source`` with its columns renamed, theirs to ours, and with the length of the run where it is told."""
    return Named(source, columns, total_steps) if columns or total_steps else source


def named_as_known(source: Source, columns: Mapping[str, str]) -> Source:
    """Return ``source``, read already, with those of its columns renamed that it has: it may be of another program."""
    run = source.run()
    return named(source, {theirs: ours for theirs, ours in columns.items() if _found(run, theirs) is not None})


class Named:
    """Renames what another source reads, and adds ``notes``.

    ``run`` raises Unreadable for a column that the log does not have.
    """

    def __init__(
        self, source: Source, columns: Mapping[str, str], total_steps: float | None, notes: tuple[str, ...] = ()
    ) -> None:
        self._notes = notes
        self.source = source
        self.pace: Pace = getattr(source, "pace", None) or Pace()
        self._columns = columns
        self._total_steps = total_steps
        self._from: Run | None = None
        self._run: Run | None = None

    @property
    def path(self) -> Path:
        """Where the log lies."""
        return self.source.path

    def poll(self) -> bool:
        """Read all that is new; True if there was anything."""
        return self.source.poll()

    def run(self) -> Run:
        """Return the run as logged so far, under the names that were given."""
        run = self.source.run()
        if self._run is None or run is not self._from:
            self._from, self._run = run, self._renamed(run)
        return self._run

    def _renamed(self, run: Run) -> Run:
        columns = dict(run.columns)
        moved = {theirs: columns.pop(_key(run, theirs)) for theirs in self._columns}
        told: dict[str, Column] = {self._columns[theirs]: column for theirs, column in moved.items()}
        facts = dict(run.facts) | ({names.TOTAL_STEPS: self._total_steps} if self._total_steps else {})
        notes = tuple(f"{sanitize(theirs, 60)} is {ours}, as told" for theirs, ours in self._columns.items())
        if self._total_steps and run.last_step > self._total_steps:
            planned, now = words.step(self._total_steps), words.step(run.last_step)
            notes += (f"told {planned} steps in all, but step {now} is logged already",)
        before = (left for note in run.notes if (left := self._still_true(note)))
        return replace(run, columns={**columns, **told}, facts=facts, notes=(*before, *self._notes, *notes))

    def _still_true(self, note: str) -> str:
        """A reader's note without what was told otherwise; empty if nothing is left."""
        theirs = {sanitize(one, 60) for one in self._columns}
        kind = next((kind for kind in ("read ", "not used: ") if note.startswith(kind)), None)
        if kind is None:
            return note
        listed, bracket, rest = note.removeprefix(kind).partition(" (name them")
        left = []
        for one in listed.split(", "):
            name, _, ours = one.partition(" as ")
            if name not in theirs and ours not in self._columns.values():
                left.append(one)
        return f"{kind}{', '.join(left)}{bracket}{rest}" if left else ""


def _key(run: Run, theirs: str) -> str:
    """The column that the log's name ``theirs`` has become. Raises Unreadable."""
    found = _found(run, theirs)
    if found is None:
        near = words.alike(theirs, run.columns, n=3, cutoff=0.0)
        raise Unreadable(f"--map {sanitize(theirs, 60)}: the log has no such column; it has {', '.join(near)} …")
    return found


def _found(run: Run, theirs: str) -> str | None:
    """The same, or None. A name that means something to us was renamed before."""
    held = in_bytes(theirs)
    beside = (
        names.RAW + names.KD if f"{sanitize(theirs, 60)} as {names.RAW}{names.KD}" in ", ".join(run.notes) else theirs
    )
    meant = (theirs, f"logged/{theirs}", beside, column_of(theirs), held[0] if held is not None else None)
    return next((key for key in meant if key is not None and key in run.columns), None)
