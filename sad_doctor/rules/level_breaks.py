"""Numbers break at one step

## What it sees
A series of the training, a loss, a term, the gradient norm, the teacher's loss, the coverage, changes its level from
one record to the next, far beyond its noise, and stays there; and no event but a resume, no weight and no other setting
in the log changes at that step. Which series break there, and which go on, tells where to look. A line is fitted on
either side as well, and followed to the edge, so that a small step in a series that falls fast is seen. Where the
noise changes at the same step, less of a break suffices; the length of the texts, and an evaluation just before, are
told if the log has them.

## Why it is bad
From that step on the run is another one than before, and the log does not say why. If the teacher's numbers or the
terms against it break and the label loss goes on, the teacher's side changed: a cache, a checkpoint, a temperature. If
the label loss and the teacher's break together, the text did. If only the student's do, its weights or its mode did. If
the total breaks alone, a weight that is not logged; if the gradient norm alone, the accumulation, clip or scale. If the
noise of the losses changes with it, and above all that of the teacher's, which learns nothing, the batches do: fewer
texts, shorter ones, others. If it comes just after an evaluation, that left something behind: a mode, weights, a seed.
If the loss falls where an epoch begins, it was learned by heart in the one before.

## Thresholds
- `sigmas = 8`: how far the level must move, in deviations of neighbours. `share = 0.15`: and as a share of it.
- `norm = 2.5`: the factor for a gradient norm that breaks where nothing else does.
- `torn = 7.5`, `apart = 0.05`: standard errors, and share of the level, between two lines at the edge; the most that
  sound runs have where nothing is changed is 7.0. `weak = 5.5` where the noise changes too, `noisier = 1.8` times:
  that of the teacher's numbers, or without them of two others, as a student that begins to learn is noisier by itself.
- `records = 24`: fewest records; a tenth at the beginning, where all falls, and the last five are not judged.

## Example
```run fires
steps: 60
train/raw/kd: 2 -> 1.5 ~ 0.05
train/raw/lm: 5 -> 4 ~ 0.1
steps: 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80
train/raw/kd: 2.6 -> 2.4 ~ 0.05
train/raw/lm: 4 -> 3.8 ~ 0.1
```

```run quiet
steps: 80
train/raw/kd: 2 -> 1.5 ~ 0.05
train/raw/lm: 5 -> 4 ~ 0.1
```

## Remedy
See what begins at that step: an epoch, a shard, a stage, a resume, a file of the cache. Log that as an event or as a
column. Then compare one batch before with one after it.

## Sources
- Killick, Fearnhead and Eckley 2012, on change points. The failure catalogue of this project: a cache of the teacher's
  answers that was off from the second epoch on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

_WIDTH = 10
"""Records whose mean stands for a level; of a long log a hundredth of it."""

_SLOPE = 0.4
"""The share of a fall that it may have fallen from the window before that: a straight line falls by all of it again."""

_MOVES, _LEAPS = 4, 1.4
"""Standard errors by which a series moves along; times by which a total, with a term of it, leaps to be a warning."""

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY, names.COVERAGE)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the step at which most series break."""
    series = signals.per_batch(run, int(t["records"]))
    coverage = run.get(names.COVERAGE)
    if coverage is not None:
        series[names.COVERAGE] = signals.finite(signals.tidy(coverage))
    series = {name: column for name, column in series.items() if len(column) >= t["records"]}
    if not series:
        raise TooFew(f"fewer than {t['records']:g} records of any series")
    breaks = {name: found for name, column in series.items() if (found := _break(column, t)) is not None}
    torn = {name: one for name, c in series.items() if (one := signals.breaks(c, t["weak"], t["apart"])) is not None}
    breaks |= {
        name: (one.step, one.before, one.after)
        for name, one in torn.items()
        if name not in breaks and (one.sigmas >= t["torn"] or _others(series, one.step, t))
    }
    alone = breaks.get(names.GRAD_NORM) if len(breaks) == 1 and len(series) > 1 else None
    if alone is not None and max(alone[1:]) < t["norm"] * min(alone[1:]) * (0.8 if _others(series, alone[0], t) else 1):
        breaks = {}  # a norm rises by itself when the student begins to learn
    yield Reading("series that break", float(len(breaks)))
    if not breaks:
        return
    places = sorted(step for step, _, _ in breaks.values())
    gap = float(median(np.diff(next(iter(series.values())).step)))
    near = {at: sum(abs(other - at) <= 2.5 * gap for other in places) for at in places}
    at = max(places, key=lambda place: (near[place], -place))
    there = {name: one for name, one in breaks.items() if abs(one[0] - at) <= 2.5 * gap}
    if not _excused(run, at, gap):
        resumed = any(one.kind == names.EVENT_RESUME for one in signals.events_at(run, at, gap))
        noises = signals.noises(series, at, t["noisier"])
        beside = (noises, signals.lengths(run, at, gap), signals.evaluated(run, at, gap), resumed)
        yield _finding(run, _Seen(there, series, *beside))


def _others(series: dict[str, Column], at: float, t: Thresholds) -> bool:
    """Whether the batches surely hold more or less from a step on, by the noise that they make.

    That of the teacher's numbers tells, as it does not learn; without them, a noise of two or more series that rises.
    """
    found = signals.noises(series, at, t["noisier"])
    if any(name in _TEACHERS for name in series):
        return any(name in _TEACHERS for name in found)
    return len(found) > 1 and min(found.values()) > 1


@sealed
class _Seen:
    """What is seen at the step of the break: levels, noises (times), lengths, and the evaluation just before."""

    there: dict[str, tuple[float, float, float]]
    series: dict[str, Column]
    noises: dict[str, float]
    lengths: tuple[float, float] | None
    evaluated: float | None
    resumed: bool

    @property
    def at(self) -> float:
        return max(step for step, _, _ in self.there.values())

    @property
    def moves(self) -> set[str]:
        """Series without a break of their own that move there nevertheless, if by little."""
        rest = [name for name in self.series if name not in self.there]
        seen = {name: signals.torn(self.series[name], self.at) for name in rest}
        return {name for name, one in seen.items() if one is not None and one.sigmas > _MOVES}


def _break(column: Column, t: Thresholds) -> tuple[float, float, float] | None:
    """The step, and the levels before and after it, of the largest change between neighbouring windows."""
    value, size = column.value, len(column)
    width = max(_WIDTH, size // 100)
    start = max(size // 10, width)
    if size < start + width + 5:
        return None
    sums = np.concatenate(([0.0], np.cumsum(signals.cut(value))))
    shortest = min(width, 5)
    windows = (sums[width:] - sums[:-width]) / width
    # behind the last whole window there are shorter ones, to the end
    ends = np.arange(size - width + 1, size - shortest + 1)
    after = np.concatenate((windows[start:], (sums[size] - sums[ends]) / (size - ends)))
    at = start + int(np.argmax(np.abs(after - windows[start - width : size - shortest + 1 - width])))
    low, high = max(0, at - width // 2), min(size - 1, at + width // 2)
    edge = low + 1 + int(np.argmax(np.abs(np.diff(value[low : high + 1]))))
    found = _broken(column, edge, width, t)
    if found is not None or not bool(np.all(value > 0)):
        return found
    # of a loss that has fallen far a large share is a small step
    later = value[start : size - shortest + 1]
    ratio = later[1:] / later[:-1]
    most, least = int(np.argmax(ratio)), int(np.argmin(ratio))
    edge = start + 1 + (most if ratio[most] * ratio[least] > 1 else least)
    return _broken(column, edge, width, t)


def _broken(column: Column, edge: int, width: int, t: Thresholds) -> tuple[float, float, float] | None:
    """The step, and the levels before and after it, if the level changes there at once, far, and for good."""
    value = column.value
    before, later = value[max(0, edge - width) : edge], value[edge : edge + width]
    if min(before.size, later.size) < 5:
        return None
    first, last = float(median(before)), float(median(later))
    noise = 1.05 * float(median(np.abs(np.diff(value[max(0, edge - 3 * width) : edge]))))
    moved = abs(last - first)
    sharp = abs(float(median(value[edge : edge + 4]) - median(value[edge - 4 : edge]))) > 0.6 * moved
    apart = before.max() < later.min() or later.max() < before.min() or moved > 2 * t["sigmas"] * noise
    error = noise * np.sqrt(2.0 / min(before.size, later.size)) * 1.25
    # a loss falls fast by itself, over some records: only one that falls at once is a break
    sharp &= last > first or abs(float(value[edge] - value[edge - 1])) > 0.6 * moved
    # and what fell as fast within the records before is on a slope, as all is where there are none
    earlier = value[max(0, edge - 2 * width) : max(0, edge - width)]
    sharp &= last > first or (earlier.size >= 3 and float(median(earlier)) - first < _SLOPE * moved)
    stays = abs(float(median(value[edge:])) - first) > 0.4 * moved
    far = moved > max(t["sigmas"] * error, t["share"] * max(abs(first), 1e-12))
    return (float(column.step[edge]), first, last) if far and sharp and apart and stays else None


def _excused(run: Run, at: float, gap: float) -> bool:
    """Whether an event, a setting or the learning rate changes there, which then is the cause."""
    if any(one.kind not in (names.EVENT_CHECKPOINT, names.EVENT_RESUME) for one in signals.events_at(run, at, gap)):
        return True
    told = [switch for switch in signals.switches(run) if abs(switch.step - at) <= 2.5 * gap]
    if any(switch.column != names.LENGTH for switch in told) or (told and signals.lengths(run, at, gap) is None):
        return True
    rate = run.get(names.LEARNING_RATE)
    jump = None if rate is None else signals.jump_at(signals.finite(signals.tidy(rate)), at)
    return jump is not None and min(jump.before, jump.after) < 0.5 * max(jump.before, jump.after)


def _finding(run: Run, seen: _Seen) -> Finding:
    levels = {words.called(name): one for name, one in reversed(seen.there.items())}  # a term before its weight
    told = [f"{n} from {words.number(one[1])} to {words.number(one[2])}" for n, one in reversed(levels.items())]
    if seen.lengths is not None:
        told.insert(0, f"the length of the texts from {seen.lengths[0]:g} to {seen.lengths[1]:g}")
    moves = seen.moves
    whole = [name for name in seen.series if name not in seen.there and name not in moves]
    after = "" if seen.evaluated is None else f", after the evaluation of step {words.step(seen.evaluated)},"
    after = ", where the run is taken up again," if seen.resumed else after
    noises = {words.called(name): words.number(times, 1) for name, times in seen.noises.items()}
    lines = [
        f"{words.capital(words.listing([words.called(name) for name in some[:4]]))}: {what}"
        for some, what in ((sorted(moves), "moves, by less"), (whole, "no break"))
        if some
    ]
    if noises:
        times = words.listing(map(" ".join, list(noises.items())[:4]))
        lines.append(f"The noise is another one from there on, how many times as large: {times}")
    noisier = "" if not noises else f", and the noise of {next(iter(noises))} {next(iter(noises.values()))} times"
    total = seen.there.get(names.LOSS, (0.0, 0.0, 0.0))
    leaps = total[2] > _LEAPS * total[1] > 0 and any(names.term_of(name) for name in seen.there)
    return RULE.finding(
        level=Level.WARNING if leaps else Level.INFO,
        headline=(
            f"At step {words.step(seen.at)}{after} the level breaks, and the log does not say why: "
            f"{words.listing(told[:3])}" + (f", and {len(told) - 3} more" if len(told) > 3 else "") + f"{noisier}."
        ),
        evidence=(*lines, *told[3:6]),
        cause=_comes_round(run, seen) or _cause(seen, set(whole)),
        remedy="See what begins at that step: an epoch, a shard, a stage, a resume, a file of the cache.",
        first_step=seen.at,
        last_step=run.last_step,
        numbers={"series": float(len(seen.there))},
    )


def _comes_round(run: Run, seen: _Seen) -> str:
    """Why a label loss or a total falls at once where the texts come round again; empty where it does not."""
    label = any(name == names.LOSS or names.term_of(name) in names.ANCHORS for name in seen.there)
    falls = label and all(after < before for _, before, after in seen.there.values())
    number = signals.pass_begins(run, seen.at) if falls else None
    told = f"Pass {number} over the texts begins there: what falls at once was learned by heart in the pass before."
    return "" if number is None else told


def _cause(seen: _Seen, whole: set[str]) -> str:
    broken = set(seen.there)
    terms = {names.term_of(name) for name in broken} - {None}
    label, teachers = bool(terms & names.ANCHORS), bool(broken & set(_TEACHERS))
    label_goes_on = any(names.term_of(name) in names.ANCHORS for name in whole)
    if seen.lengths is not None:
        return "The texts become longer or shorter: another shard, filter or limit of the length."
    if seen.noises and not teachers and not terms:
        more = float(median(list(seen.noises.values()))) > 1
        return f"The batches hold {'less' if more else 'more'}: their size, the accumulation, or the texts in them."
    if seen.resumed and label_goes_on and not label and terms:
        return "Another teacher, temperature or weight was loaded; or what goes with that term was not."
    if seen.resumed:
        return "What was loaded or set is not what was saved: weights, a mode, a mask, the texts."
    if seen.evaluated is not None and not teachers:
        return "What the evaluation leaves behind: a mode (dropout), weights, a seed; else the text changes."
    if broken == {names.GRAD_NORM}:
        return "The accumulation, the clip or the scale of the loss changes."
    if broken <= {names.LOSS, names.GRAD_NORM} and (terms or not whole <= {names.GRAD_NORM}):
        return "What the total is made of changes: a weight or a term that is not logged; or the text does."
    if (teachers or terms) and not label and label_goes_on:
        return "The teacher's side changes: a cache, a checkpoint, a temperature, or how the two are aligned."
    if label and teachers:
        return "The text changes: another shard, domain, length or order."
    return "The student's weights or its mode change, or the text does."


RULE = Rule(
    code="R408",
    name="level-breaks",
    level=Level.WARNING,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}|{names.GRAD_NORM}|{names.TEACHER_LOSS}",),
    check=check,
    thresholds={
        "sigmas": 8,
        "share": 0.15,
        "norm": 2.5,
        "records": 24,
        "torn": 7.5,
        "apart": 0.05,
        "weak": 5.5,
        "noisier": 1.8,
    },
)
