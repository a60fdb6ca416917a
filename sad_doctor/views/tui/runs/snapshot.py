"""What the dashboard knows at one moment: frozen, made in a thread, handed to the widgets whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import field

import numpy as np

from sad_doctor import names, signals
from sad_doctor.finding import Report
from sad_doctor.readers.source import Source
from sad_doctor.readers.tail import Pace
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.views.plain import line
from sad_doctor.views.tui.charts.histories import LongHistories, Ready
from sad_doctor.views.tui.runs.tempo import Pulse, Reach, Tempo

_REST = 3.0
"""After a look that took long, rest so many times as long."""

_SHARE = 10.0
"""A judgement looks at the whole history: after one, judge again only after so many times as long. What is new is
shown at once all the same."""

_QUICK = 0.05
"""Seconds: a judgement that takes less is made anew at every look."""

_SLICE = 1.0
"""Seconds of reading after which a large log is shown as far as it was read."""

Judge = Callable[[Run], Report]


@sealed(eq=False)
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


@sealed(eq=False)
class Verdict:
    """What took a look at the whole history: the report, the parts of the loss, their shares."""

    report: Report
    terms: tuple[Term, ...] = ()
    shares: Mapping[str, Column] = field(default_factory=dict)
    holes: Floats = field(default_factory=lambda: np.zeros(0))
    parts: str = ""


@sealed(eq=False)
class Snapshot:
    """A run, the last verdict on it, and what the charts need of both.

    ``parts`` says where the weighted parts come from; ``steps`` are the first and the last step of any column;
    ``opened`` is the share of the log that has been read; ``ready`` are the histories of long columns. The verdict may
    be some records older than the run.
    """

    run: Run
    verdict: Verdict
    steps: tuple[float, float] | None = None
    opened: float = 1.0
    tempo: Tempo = field(default_factory=Tempo)
    ready: Ready = field(default_factory=dict)

    @property
    def report(self) -> Report:
        """The last report."""
        return self.verdict.report

    @property
    def last(self) -> float:
        """The last step; -1 for an empty run."""
        return self.steps[1] if self.steps else -1.0


def judged(run: Run, judge: Judge) -> Verdict:
    """Return the verdict on a run; whatever the judge raises goes through."""
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
    return Verdict(report, terms, clean, _holes(parts.terms), parts.source)


class Watch:
    """Looks at a source again and again; used by one thread at a time. ``now`` tells the Unix time."""

    def __init__(self, source: Source, judge: Judge, now: Callable[[], float] = time.time) -> None:
        self._source, self._judge, self._now = source, judge, now
        self._behind = self._unjudged = True
        self._until = self._judge_at = 0.0
        self._last: Snapshot | None = None
        self._made: dict[str, Column] = {}
        self._reach, self._pulse, self._long_histories = Reach(), Pulse(), LongHistories()
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
        judging = 0.0
        try:
            new = self._source.poll()
            self._behind, self._unjudged = self._behind or new, self._unjudged or new
            if self._pace.stopped:
                return None
            run, opened = self._source.run(), self._pace.share
            due = self._unjudged and self._is_due(run, opened)
            if not (self._behind or due):
                return None
            before = self._last
            if due or before is None:
                begun = time.monotonic()
                verdict = judged(run, self._judge)
                judging = time.monotonic() - begun
                self._judge_at = begun + ((1 + _SHARE) * judging if judging > _QUICK else 0.0)
                self._unjudged = False
                self._made = _made(run, verdict)
            else:
                verdict = before.verdict
            steps = self._reach.of(run)
            tempo = self._pulse.take(run, self._source.path, steps[1] if steps else -1.0, self._now())
            self._behind = False
            self._last = Snapshot(
                run, verdict, steps, opened, tempo, self._long_histories.still({**run.columns, **self._made})
            )
            return self._last
        finally:
            ended = time.monotonic()
            self._until = ended + _REST * max(ended - started - judging, 0.0)

    def _is_due(self, run: Run, opened: float) -> bool:
        """Judge at once what is new altogether: the first records, the whole of a log, the end of a run."""
        before = self._last
        if before is None or (opened >= 1 > before.opened):
            return True
        ended = run.facts.get(names.STATUS) != before.run.facts.get(names.STATUS)
        cut = any(len(run.columns.get(n, ())) < len(c) for n, c in before.run.columns.items())
        return ended or cut or time.monotonic() >= self._judge_at


def _made(run: Run, verdict: Verdict) -> dict[str, Column]:
    """The columns that a verdict made, by a name of their own: shares, raw times weight."""
    own = {id(column) for column in run.columns.values()}
    terms = {f"term {t.name}": t.path for t in verdict.terms if id(t.path) not in own}
    return {**terms, **{f"share {name}": share for name, share in verdict.shares.items()}}


def _term(name: str, raw: Column | None, weight: Column | None, weighted: Column | None, share: Column | None) -> Term:
    path = weighted or raw or Column(np.zeros(0), np.zeros(0))
    return Term(line(name), _last(raw), _last(weight), _last(weighted), _last(share), path, signals.trend(path.value))


def _last(column: Column | None) -> float | None:
    return column.last if column is not None and len(column) else None


def _holes(parts: Mapping[str, Column]) -> Floats:
    odd = [c.step[~np.isfinite(c.value)] for c in parts.values()]
    return np.unique(np.concatenate(odd)) if odd else np.zeros(0)
