"""A run beside a good one: what differs at equal steps, at equal tokens where both logs count them, else by epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sad_doctor import departs, names, signals, words
from sad_doctor.finding import Comparison, Finding, Level, Report, Row
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

PLACES = (0.25, 0.5, 0.75, 1.0)
"""Parts of the range that both runs have."""
WINDOW = 0.1
"""Records before a place that stand for it, as a share of the range."""
SHARE, NATS, SIGMAS = 0.1, 0.05, 3.0
"""A value differs by more than this share, this floor, and so many standard errors where it is noisy."""
_FAR = 7.0
"""As a logarithm: a gap that is told without its number."""
POINTS = 0.1
"""A share of the loss differs by so much."""

_SERIES = (names.LOSS, names.EVAL_LM_LOSS, names.EVAL_PERPLEXITY, names.EVAL_BITS_PER_BYTE, names.EVAL_KL)
_MORE = (names.GRAD_NORM, names.LEARNING_RATE, names.TOKENS_PER_SECOND)
"""Series for which lower is not simply better."""
_OF_THE_MACHINE = ("R501", "R502", "R503", "R504")
"""Red flags of how a run went, a crash, silence, pace, memory: what it logged may be a good run's all the same."""


def flag_of(good: Report) -> Finding | None:
    """Return the first red flag, a warning or worse, by which a run is no good one; None if it has none."""
    found = (story.finding for story in good.stories)
    return next((one for one in found if one.level >= Level.WARNING and one.rule not in _OF_THE_MACHINE), None)


def beside(run: Run, good: Run, flag: Finding | None = None) -> Comparison:
    """Return where ``run`` differs from ``good``: series, terms and their shares, first what differs most.

    A red ``flag`` of the good run stands before all: what is like a sick run is not known to be sound.
    """
    here, there, unit = _axes(run, good)
    end = min(here.last, there.last) if len(here) and len(there) else 0.0
    start = max(float(here.value[0]), float(there.value[0])) if len(here) and len(there) else 0.0
    rows: list[Row] = []
    for what, one, other, share in _pairs(run, good) if len(here) and len(there) else ():
        rows += _rows(what, (one, here), (other, there), (start, end), unit, share=share)
    notes = list(_terms(run, good))
    if not (len(here) and len(there)):
        notes.append(
            "The one log counts steps and the other epochs: nothing says which of their records belong together"
        )
    elif not rows:
        notes.append("The two logs have no series in common over a common range")
    parting = _parting((run, here), (good, there), (start, end), unit) if rows else ""
    headline = parting or (_not_finite(run, good) if rows else "") or _headline(rows, good.name)
    if flag is not None:
        headline = f"{good.name} has a red flag itself, {flag.rule}: {flag.headline} {headline}"
    return Comparison(f"Beside {good.name}", headline, tuple(rows), tuple(notes))


def _parting(mine: tuple[Run, Column], theirs: tuple[Run, Column], span: tuple[float, float], unit: str) -> str:
    """What parts first and what it speaks for, in one sentence; nothing where nothing surely parts."""
    (run, here), (good, there) = mine, theirs
    ours, wanted = dict(departs.series(run)), dict(departs.series(good))
    held = [name for name in ours if name in wanted and len(ours[name]) and len(wanted[name])]
    pairs = ((name, _placed(ours[name], here), _placed(wanted[name], there)) for name in held)
    found = [one for name, a, b in pairs if (one := departs.departure(name, a, b, span)) is not None]
    told = departs.speaks_for(found, sorted(_told(run) ^ _told(good)))
    if told is None:
        return ""
    one, why = told
    place = words.step(round(one.since, 2 if unit == "epoch" else 0))
    since = "from the first records on" if one.at_first else f"from about {unit} {place} on"
    gap = one.first if one.at_first else one.gap
    how = "above it" if gap > 0 else "below it"
    if one.relative and abs(gap) < _FAR:
        times = words.number(float(f"{np.exp(abs(gap)):.2g}"))
        how = f"{times} times as high" if gap > 0 else f"lower by a factor of {times}"
    return f"Unlike {good.name} {since} in {words.called(one.name)}, {how}, which speaks for {why}."


def _axes(run: Run, good: Run) -> tuple[Column, Column, str]:
    """From steps to what both runs are compared by; from nothing where the one counts epochs and the other does not."""
    for name, unit in ((names.TOKENS, "tokens"), (names.EPOCH, "epoch"))[: 2 if run.unit != good.unit else 1]:
        here, there = run.get(name), good.get(name)
        if here is not None and there is not None:
            return signals.finite(signals.tidy(here)), signals.finite(signals.tidy(there)), unit
    if run.unit != good.unit:
        none = Column(np.zeros(0), np.zeros(0))
        return none, none, run.unit
    return _steps(run), _steps(good), run.unit


def _steps(run: Run) -> Column:
    ends = np.unique([run.first_step, max(run.last_step, run.first_step)])
    return Column(ends, ends)


def _pairs(run: Run, good: Run) -> Iterator[tuple[str, Column, Column, bool]]:
    """What both have: its name for people, the two series, and whether it is a share."""
    raw = [names.RAW + term for term in run.terms(names.RAW)]
    for name in (*_SERIES, *raw, *_MORE):
        one, other = run.get(name), good.get(name)
        if one is not None and other is not None:
            yield words.called(name), one, other, False
    shares, wanted = signals.shares(run), signals.shares(good)
    for term in shares:
        if term in wanted and len(shares) > 1:
            yield f"the share of {term}", shares[term], wanted[term], True


def _rows(
    what: str,
    mine: tuple[Column, Column],
    theirs: tuple[Column, Column],
    span: tuple[float, float],
    unit: str,
    *,
    share: bool,
) -> Iterator[Row]:
    (one, at), (other, there) = (_placed(*both, kept=signals.tidy) for both in (mine, theirs))
    start, end = span
    for place in PLACES:
        to = start + place * (end - start)
        since = to - max(WINDOW * (end - start), 0.0)
        values = [_window(v, x, since, to) for v, x in ((one, at), (other, there))]
        if not all(v.size for v in values):
            continue
        mid, wanted = (float(median(v)) for v in values)
        spell = words.percent if share else words.number
        lies = _lies(values, mid, wanted, share=share)
        yield Row(
            what, f"{unit} {words.step(round(to, 2 if unit == 'epoch' else 0))}", mid, spell(mid), spell(wanted), lies
        )


def _known(column: Column) -> Column:
    return signals.finite(signals.tidy(column))


def _placed(column: Column, axis: Column, kept: Callable[[Column], Column] = _known) -> tuple[Floats, Floats]:
    known = kept(column)
    return known.value, np.interp(known.step, axis.step, axis.value) if len(axis) else known.step


def _window(value: Floats, at: Floats, since: float, to: float) -> Floats:
    """The finite values of a window; of a series with none in it, such as an evaluation, the one last before its end.

    Nothing where most records are not finite: a value from before them is none of that place.
    """
    inside = value[(at > since) & (at <= to)]
    if not inside.size:
        inside = value[np.flatnonzero((at <= to) & (at > to - 3 * (to - since)))[-1:]]
    fine = inside[np.isfinite(inside)]
    return fine if 2 * fine.size > inside.size else fine[:0]


def _lies(values: Sequence[Floats], mid: float, wanted: float, *, share: bool) -> str:
    gap = mid - wanted
    limit = POINTS if share else max(SHARE * abs(wanted), NATS if abs(wanted) > NATS else SHARE * abs(wanted))
    noise = 0.0
    if all(v.size >= 4 for v in values):
        noise = SIGMAS * signals.gain(values[0], values[1]).error
    if abs(gap) <= max(limit, noise):
        return "alike"
    return "above" if gap > 0 else "below"


def _terms(run: Run, good: Run) -> Iterator[str]:
    here, there = _told(run), _told(good)
    for only, where in ((here - there, "this run"), (there - here, good.name)):
        if only:
            yield f"Only {where} has the {'terms' if len(only) > 1 else 'term'} {words.listing(sorted(only))}"


def _told(run: Run) -> set[str]:
    return set(signals.parts(run).terms) | set(run.terms(names.RAW))


def _not_finite(run: Run, good: Run) -> str:
    """The first of the main series that ends in NaN or infinity where the good run's does not, and since when."""
    for name in (*_SERIES, *(names.RAW + term for term in run.terms(names.RAW))):
        one, other = run.get(name), good.get(name)
        if one is None or other is None:
            continue
        one, other = signals.tidy(one), signals.tidy(other)
        fine = np.flatnonzero(np.isfinite(one.value))
        since = int(fine[-1]) + 1 if fine.size else 0
        if since < len(one) and np.isfinite(other.last):
            place = words.step(float(one.step[since]))
            return f"Unlike {good.name}: {words.called(name)} is not finite from {run.unit} {place} on."
    return ""


def _headline(rows: Sequence[Row], name: str) -> str:
    """The difference at the last place that a good colleague would name first: the order of the series is theirs."""
    apart = [row for row in rows if row.lies != "alike"]
    if not rows:
        return f"Nothing can be compared with {name}."
    if not apart:
        return f"Like {name} at all of {words.counted(len(rows), 'point')}."
    last = [row for row in apart if row.where == rows[-1].where] or apart
    first = last[0]
    return (
        f"Unlike {name} at {len(apart)} of {words.counted(len(rows), 'point')}: {first.what} is {first.told} at "
        f"{first.where}, {first.wanted} there."
    )
