"""What the dashboard knows at one moment: frozen, made in a thread, handed to the widgets whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from sad_doctor import names, signals
from sad_doctor.finding import Report
from sad_doctor.readers.tail import Pace
from sad_doctor.run import Column, Floats, Run
from sad_doctor.views import axis
from sad_doctor.views.plain import line

_REST = 3.0
"""After a look that took long, as at a million steps, rest so many times as long."""

_SLICE = 1.0
"""Seconds of reading after which a large log is shown as far as it was read; then twice what a judgement takes."""

Judge = Callable[[Run], Report]


class Source(Protocol):
    """What the dashboard asks of a reader."""

    @property
    def path(self) -> Path:
        """Where the log lies."""
        ...

    def poll(self) -> bool:
        """Read what is new; True if there was anything."""
        ...

    def run(self) -> Run:
        """Return the run so far."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A row of the table of terms: last values, NaN-able, None where the log has no such column.

    ``path`` are the weighted values, else the raw ones; empty for a term of which only the weight is known.
    """

    name: str
    raw: float | None
    weight: float | None
    weighted: float | None
    share: float | None
    path: Column
    trend: float


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A run, its report and what the charts need of both.

    ``parts`` says where the weighted parts come from; ``steps`` are the first and the last step of any column;
    ``opened`` is the share of the log that has been read.
    """

    run: Run
    report: Report
    terms: tuple[Term, ...] = ()
    shares: Mapping[str, Column] = field(default_factory=dict)
    holes: Floats = field(default_factory=lambda: np.zeros(0))
    parts: str = ""
    steps: tuple[float, float] | None = None
    opened: float = 1.0


def take(source: Source, judge: Judge) -> Snapshot:
    """Return a snapshot of a source; whatever the source or the judge raises goes through."""
    run = source.run()
    report = judge(run)
    parts = signals.parts(run)
    shares = signals.shares(run)
    prefixes = (names.RAW, names.WEIGHT, names.WEIGHTED)
    if not any(run.terms(p) for p in prefixes):
        prefixes = (names.EVAL_RAW, names.WEIGHT, names.EVAL_WEIGHTED)
    raw, weight, weighted = (run.terms(p) for p in prefixes)
    weighted = {**weighted, **parts.terms}
    known = dict.fromkeys([*raw, *weighted, *weight])
    terms = tuple(_term(t, raw.get(t), weight.get(t), weighted.get(t), shares.get(t)) for t in known)
    clean = {line(t): c for t, c in shares.items()}
    steps = axis.span(run.columns.values()) if run.last_step >= 0 else None
    return Snapshot(run, report, terms, clean, _holes(parts.terms), parts.source, steps)


class Watch:
    """Looks at a source again and again; used by one thread at a time."""

    def __init__(self, source: Source, judge: Judge) -> None:
        self._source, self._judge = source, judge
        self._behind = True
        self._until = 0.0
        self._pace: Pace = getattr(source, "pace", None) or Pace()
        self._pace.seconds = _SLICE

    @property
    def rested(self) -> bool:
        """Whether enough time has passed since a look that took long."""
        return time.monotonic() >= self._until

    def stop(self) -> None:
        """End the reading soon; nothing is shown any more."""
        self._pace.stopped = True

    def look(self) -> Snapshot | None:
        """Return a snapshot if there is anything new, else None.

        What could not be read or judged counts as new until it could. Raises what the source or the judge raises.
        """
        started = time.monotonic()
        try:
            self._behind = self._source.poll() or self._behind
            if self._pace.stopped:
                return None
            opened = self._pace.share
            snapshot = take(self._source, self._judge) if self._behind else None
            self._behind = False
            if snapshot is not None and opened < 1:
                self._pace.seconds = max(_SLICE, 2 * (time.monotonic() - started - self._pace.seconds))
                snapshot = replace(snapshot, opened=opened)
        finally:
            ended = time.monotonic()
            self._until = ended + _REST * (ended - started)
        return snapshot


def _term(name: str, raw: Column | None, weight: Column | None, weighted: Column | None, share: Column | None) -> Term:
    path = weighted or raw or Column(np.zeros(0), np.zeros(0))
    return Term(line(name), _last(raw), _last(weight), _last(weighted), _last(share), path, signals.trend(path.value))


def _last(column: Column | None) -> float | None:
    return column.last if column is not None and len(column) else None


def _holes(parts: Mapping[str, Column]) -> Floats:
    odd = [c.step[~np.isfinite(c.value)] for c in parts.values()]
    return np.unique(np.concatenate(odd)) if odd else np.zeros(0)
