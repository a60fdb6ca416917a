"""Where a run leaves a good one: which series first, at which step, and what that speaks for.

Two sound runs of one setting differ in their seeds alone. Their untrained students say the same first numbers, and
their series stay together within a tenth. So what differs in the first records is computed in another way, and what
parts later is learned in another way; and which series part while others go along tells what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sad_doctor import names, signals
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

WINDOWS = 12
"""Parts of the range that both runs have."""
APART, LABELS, TEACHER, DISTANCE, AT_FIRST, GRADIENT, SIGMAS = 0.25, 0.15, 0.05, 0.5, 0.06, 0.35, 4.0
"""How far logarithms lie apart: of a series, of a label loss, of what a teacher says, which does not learn, of another
term, which comes down to nearly nothing; at first, and of the gradient's norm then; beyond so many standard errors."""
OPENING = 0.25
"""Of the gap in the first records, so much is there in the first of all: one that only learns begins without a gap."""
NEAR = 0.2
"""Of the distance between two records: so near lie those that count as of one place."""
FEWEST = 6
"""Records on either side, by fewer of which the noise is not known."""
_SECOND, _FEW = 2, 3
_TERMS = (names.RAW, names.WEIGHTED)
_DISTANCES = (*_TERMS, names.EVAL_RAW)
_LABEL = (names.RAW + names.LM, names.WEIGHTED + names.LM)
_TOTALS = (names.LOSS, names.EVAL_LOSS)
_TEACHER = (names.TEACHER_LOSS, names.TEACHER_ENTROPY)
_SUMS = "a weight, a term that is not told, a sum in place of a mean"
NOTHING = 0.25
"""A total that comes down to less of its beginning than this has no label loss that counts: that has a floor."""

Placed = tuple[Floats, Floats]
"""Values and where they lie on the axis that both runs have, float64 [records] each."""


@sealed
class Departure:
    """How a series lies to the good run's. ``parts`` says whether it surely leaves it for good, ``since`` where.

    ``first`` and ``gap`` are the gaps in the first records and in the last ones: of logarithms where all values are
    above 0, ``relative``; else in the good run's usual size. ``first`` is NaN where these cannot be compared.
    """

    name: str
    first: float
    gap: float
    parts: bool
    since: float
    at_first: bool
    at_once: bool
    relative: bool


def speaks_for(found: Sequence[Departure], others: Sequence[str] = ()) -> tuple[Departure, str] | None:
    """Return what to name first and what it speaks for; None if nothing parts.

    ``found`` is all that was compared, ``others`` are the terms that only one of the two runs tells.
    """
    held = {one.name: one for one in found}
    parts = {name: one for name, one in held.items() if one.parts}
    if not parts:
        return None
    for name, one in parts.items():
        if name == names.LEARNING_RATE:
            return one, "another learning rate or schedule, from which the rest may follow"
        if name.startswith(names.WEIGHT):
            return one, "another weight of this term"
    total = parts.get(names.LOSS)
    if others and total is not None and abs(total.first) > AT_FIRST:
        # a run that only tells a term more has the same total
        return total, f"a sum of other terms ({', '.join(others)}), from which the rest may follow"
    return _teacher(parts, held) or _term(parts, held) or _learning(parts)


def _teacher(parts: Mapping[str, Departure], held: Mapping[str, Departure]) -> tuple[Departure, str] | None:
    if names.TEACHER_EVAL_LM_LOSS in parts:
        return parts[
            names.TEACHER_EVAL_LM_LOSS
        ], "another teacher, a teacher in training mode, or another held-out text"
    told = [parts[name] for name in _TEACHER if name in parts]
    if not told:
        return None
    same = names.TEACHER_EVAL_LM_LOSS in held
    return told[0], (
        "other texts or labels in training" if same else "another teacher, or other texts or labels for it"
    )


def _term(parts: Mapping[str, Departure], held: Mapping[str, Departure]) -> tuple[Departure, str] | None:
    """A term that is computed in another way, in the training, in the evaluation, or in both."""
    own = [one for name, one in parts.items() if name.startswith(_TERMS)]
    for one in own:
        if one.at_first:
            alone = abs(one.gap) > APART and _along(held, one)
            where = " in the training alone" if alone else ""
            return one, f"a term that is computed in another way{where}: {_ways(one.name)}"
    for name, one in parts.items():
        if not name.startswith("eval/"):
            continue
        if one.at_first and name != names.EVAL_LOSS and not _along(held, one):
            return one, f"a term that is computed in another way: {_ways(one.name)}"
        if _along(held, one):
            return one, (
                "an evaluation of another kind, as the training goes along: other texts or weights, another "
                "temperature, mode or mean"
            )
    total = parts.get(names.LOSS)
    if total is not None and total.at_first and any(name.startswith(_TERMS) for name in held):  # terms begin alike
        where = " in the training alone" if _along(held, total) else ""
        return total, f"another sum of the terms{where}: {_SUMS}"
    for one in (*own, *([] if total is None else [total])):
        if _along(held, one):
            return one, "other texts, labels or targets in training, as the evaluation goes along"
    return None


def _learning(parts: Mapping[str, Departure]) -> tuple[Departure, str]:
    """What is computed as in the good run and learned in another way."""
    first = min(parts.values(), key=lambda one: (not one.at_first, one.since, one.name == names.GRAD_NORM))
    terms = [one for name, one in parts.items() if name.startswith(_TERMS)]
    gradient = parts.get(names.GRAD_NORM)
    totals = [one for name, one in parts.items() if name in _TOTALS and one.at_first]
    if totals:
        return totals[0], f"another sum of the terms: {_SUMS}"
    if gradient is not None and gradient.at_first:
        return gradient, (
            "another gradient of the same losses: a term without one, other parameters that train, another scale"
        )
    if first.at_once:
        return first, "a change at that place: of the texts, the weights, the rate or the model"
    if terms and not any(one.name in _LABEL for one in terms):
        return terms[0], "targets that are not the good run's, or a term that is not learned from"
    return first, "steps of another kind: an optimizer's setting, which parameters train, or the student itself"


def _along(held: Mapping[str, Departure], one: Departure) -> bool:
    """Whether the same number of the evaluation, or of the training, stays with the good run's where this one parts."""
    other = next((held[name] for name in _beside(one.name) if name in held), None)
    return other is not None and not other.parts and abs(other.gap) < 0.4 * abs(one.gap)


def _beside(name: str) -> tuple[str, ...]:
    """The training's names of an evaluation's series, or the other way round."""
    if name in _TOTALS:
        return (names.LOSS if name == names.EVAL_LOSS else names.EVAL_LOSS,)
    if name == names.EVAL_LM_LOSS or name in _LABEL:
        return _LABEL if name == names.EVAL_LM_LOSS else (names.EVAL_LM_LOSS,)
    if name.startswith(names.EVAL_RAW):
        return tuple(prefix + name.removeprefix(names.EVAL_RAW) for prefix in _TERMS)
    return (names.EVAL_RAW + (names.term_of(name) or ""),)


def _ways(name: str) -> str:
    label = name in (*_LABEL, names.EVAL_LM_LOSS)
    what = "labels, smoothing" if label else "another teacher or text for it, a temperature"
    weight = "its weight, " if name.startswith(names.WEIGHTED) else ""
    return f"{weight}{what}, which positions count, the mean over them"


def series(run: Run) -> Iterator[tuple[str, Column]]:
    """Yield what is held against a good run by its name, causes before what follows from them."""
    told = [names.LEARNING_RATE, *(names.WEIGHT + term for term in sorted(run.terms(names.WEIGHT)))]
    told += [names.TEACHER_LOSS, names.TEACHER_ENTROPY, names.TEACHER_EVAL_LM_LOSS]
    for name in told:
        if (column := run.get(name)) is not None:
            yield name, signals.finite(signals.tidy(column))
    terms = {*run.terms(names.RAW), *run.terms(names.WEIGHTED), *run.terms(names.UNWEIGHTED)} - names.ANCHORS
    for term in sorted(terms, key=lambda term: (term != names.KD, term)):
        yield from _before_or_after(term, signals.unweighted(run, [term]), signals.after_its_weight(run, [term]))
    label = signals.label_loss(run), signals.after_its_weight(run, sorted(names.ANCHORS))
    yield from _before_or_after(names.LM, *label)
    evaluated = signals.evaluations(run)
    for name, column in evaluated.items():
        if name.startswith(names.EVAL_RAW) and names.term_of(name) not in names.ANCHORS:
            yield name, column
    if names.EVAL_LM_LOSS in evaluated:
        yield names.EVAL_LM_LOSS, evaluated[names.EVAL_LM_LOSS]
    elif (perplexity := run.get(names.EVAL_PERPLEXITY)) is not None:
        known = signals.finite(signals.tidy(perplexity))
        yield names.EVAL_LM_LOSS, Column(known.step, np.log(np.maximum(known.value, 1.0)))
    for name in (names.LOSS, names.EVAL_LOSS, names.GRAD_NORM):
        if (total := run.get(name)) is not None:
            yield name, evaluated.get(name, signals.finite(signals.tidy(total)))


def _before_or_after(
    term: str, before: tuple[str, Column] | None, after: tuple[str, Column] | None
) -> Iterator[tuple[str, Column]]:
    """A term before its weight, else after it: under two names, as the one is not to be held against the other."""
    if before is not None:
        yield names.RAW + term, before[1]
    elif after is not None:
        yield names.WEIGHTED + term, after[1]


def departure(name: str, mine: Placed, theirs: Placed, span: tuple[float, float]) -> Departure | None:
    """Return how a series lies to the good run's over ``span``, in windows; None where there is nothing to compare.

    It parts for good if it does in the last two windows, or in the first records and soon after.
    """
    if min(mine[0].size, theirs[0].size) < (1 if name == names.TEACHER_EVAL_LM_LOSS else FEWEST):
        return None
    if name == names.LEARNING_RATE or name.startswith(names.WEIGHT):
        mine, theirs = _planned(mine, theirs)
    values, relative = _levels(mine[0], theirs[0])
    noise = [_noise(value) for value in values]
    edges = np.linspace(span[0], span[1], WINDOWS + 1)
    later = TEACHER if name in _TEACHER else LABELS if name in (*_LABEL, names.EVAL_LM_LOSS) else APART
    distance = name.startswith(_DISTANCES) and name not in _LABEL
    if name in _TOTALS and relative:  # of distances alone it comes down to nearly nothing as they do
        distance = any(
            _falls_to_nothing(value, at, span) for value, (_, at) in zip(values, (mine, theirs), strict=True)
        )
    least = DISTANCE if distance else 0.0
    early = GRADIENT if name == names.GRAD_NORM else AT_FIRST
    untrained = _untrained(mine[1], span)
    gaps: list[tuple[float, float, bool]] = []
    soon = False
    for number in range(WINDOWS):
        low, high = float(edges[number]), float(edges[number + 1])
        here = [(at > low if number else at >= low) & (at <= high) for _, at in (mine, theirs)]
        inside = [value[part] for value, part in zip(values, here, strict=True)]
        sizes = [part.size for part in inside]
        if not all(sizes) or (not number and not _same_places(mine[1][here[0]], theirs[1][here[1]])):
            continue  # the first records fall so steeply that only those at the same steps can be compared
        gap = float(median(inside[0]) - median(inside[1]))
        error = 1.2533 * float(np.hypot(noise[0] / np.sqrt(sizes[0]), noise[1] / np.sqrt(sizes[1])))
        first_ones = untrained and not number and abs(inside[0][0] - inside[1][0]) > OPENING * abs(gap)
        sure = abs(gap) > (early if first_ones else later) + SIGMAS * error
        gaps.append((low, gap, sure and (first_ones or abs(gap) > least)))
        soon = soon or (len(gaps) == _SECOND and sure)
    if not gaps:
        return None
    last, begins = gaps[-1][1], untrained and gaps[0][0] == span[0]
    first = gaps[0][1] if begins else float("nan")
    if begins and gaps[0][2] and (len(gaps) < _FEW or soon or abs(first) > 2 * APART):
        return Departure(name, first, last, True, span[0], True, False, relative)
    tail = len(gaps)
    while tail and gaps[tail - 1][2] and np.sign(gaps[tail - 1][1]) == np.sign(last):
        tail -= 1
    parts = len(gaps) - tail >= min(2, len(gaps))
    sudden = parts and tail > 0 and abs(gaps[tail][1]) > 0.5 * abs(last) and abs(gaps[tail - 1][1]) < 0.2 * abs(last)
    return Departure(name, first, last, parts, gaps[tail][0] if parts else span[1], False, sudden, relative)


def _planned(mine: Placed, theirs: Placed) -> tuple[Placed, Placed]:
    """Rates or weights, which have no noise, where the one with fewer records in the common range tells them.

    They may rise or fall so steeply that two windows of records at other steps are not alike, and what lies below a
    hundredth of the largest is as nothing.
    """
    low, high = max(mine[1][0], theirs[1][0]), min(mine[1][-1], theirs[1][-1])
    places = min((at[(at >= low) & (at <= high)] for _, at in (mine, theirs)), key=len)
    kept = [np.maximum(value, 0.01 * value.max()) if (value >= 0).all() else value for value, _ in (mine, theirs)]
    ours, wanted = (np.interp(places, at, value) for value, (_, at) in zip(kept, (mine, theirs), strict=True))
    return (ours, places), (wanted, places)


def _untrained(at: Floats, span: tuple[float, float]) -> bool:
    """Whether what both runs have begins where they did: not where a run goes on, or its log was cut."""
    record = 1.5 * float(median(np.diff(at))) if at.size > 1 else 0.0
    return span[0] <= max((span[1] - span[0]) / WINDOWS, record)


def _same_places(mine: Floats, theirs: Floats) -> bool:
    """Whether records lie at the same steps, or at as good as the same tokens."""
    if mine.size != theirs.size:
        return False
    return bool((np.abs(mine - theirs) <= NEAR * np.diff(mine).mean() if mine.size > 1 else mine == theirs).all())


def _levels(mine: Floats, theirs: Floats) -> tuple[tuple[Floats, Floats], bool]:
    """Both as logarithms, if all are above 0; else over the good run's usual size."""
    if (mine > 0).all() and (theirs > 0).all():
        return (np.log(mine), np.log(theirs)), True
    scale = float(median(np.abs(theirs))) or 1.0
    return (mine / scale, theirs / scale), False


def _falls_to_nothing(value: Floats, at: Floats, span: tuple[float, float]) -> bool:
    inside = value[(at >= span[0]) & (at <= span[1])]
    few = max(inside.size // WINDOWS, 1)
    return bool(inside.size) and float(median(inside[-few:]) - median(inside[:few])) < float(np.log(NOTHING))


def _noise(value: Floats) -> float:
    """The standard deviation of one record beside the trend."""
    return 1.4826 * float(median(np.abs(np.diff(value, 2)))) / float(np.sqrt(6)) if value.size >= _FEW else 0.0
