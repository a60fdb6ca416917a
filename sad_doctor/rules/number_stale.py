"""A number is logged that is computed no more

## What it sees
The training loss, a part of it or the gradient norm is one and the same number, to the last digit and not 0, in every
record, while another number of the training changes from record to record. Or it is so in many records of a series that
is noisy else: from some step on, or again and again at the largest or smallest of all values, which then is a limit; or
a good part of its records repeat the one before, for a few steps each, and no other number does. Or a loss is written
with so few digits that most of what happens to it is not seen, where others have more.

## Why it is bad
Batches differ, and with them their losses. A loss that does not is no loss of these batches: the value of the first
step that is printed for ever, a variable that is set outside of the loop, a tensor that was kept from a compiled graph,
or the same batch with a rate of 0. Nothing that is said about this series holds, neither that it falls nor that it does
not, and an early stop or a schedule that watches it works by chance. A gradient norm of one number is most often one
that is taken after the clip. A term that is held at a limit is clamped, and has no gradient there, or only its number
is; one that is held for some steps is computed in few of them, and taken from a cache or a variable in the others.

## Thresholds
- `share = 0.1`: the share of the records that must repeat one value. `coarse = 0.015`: the last digit, as a share of
  the level, from which on digits are missing, where another loss shows a tenth of that; `digit = 0.01`: and as it is.
- `records = 20`: fewest records; `few = 6` for the hint of a total that is one number in all. `digits = 3`: so many
  significant digits the value must show; a loss that is printed as 2 or 0.5 repeats by itself, but for KD and a label
  loss beside others that show more digits.
- `repeats = 0.2`: the share of the records that repeat the one before, by which a term is held; `others = 0.02`: what
  another number may have of such records. `apart = 10`: so many units of the last digit it must usually move.

## Example
```run fires
steps: 60
train/loss: 9.9314
train/grad_norm: 1.2 -> 0.6 ~ 0.1
```

```run fires
steps: 40
train/loss: 9.9 -> 8.1 ~ 0.1
train/raw/lm: 5.1 -> 4.1 ~ 0.1
steps: 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52
train/loss: 8.01, 8.1, 7.93, 8.02, 7.91, 7.88, 7.91, 7.82, 7.9, 7.7, 7.73, 7.78
train/raw/lm: 4.1234
```

```run fires
steps: 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24
train/raw/kd: 1.913, 1.913, 1.913, 1.871, 1.871, 1.871, 1.842, 1.842, 1.842, 1.797, 1.797, 1.797
steps: 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48
train/raw/kd: 1.731, 1.731, 1.731, 1.697, 1.697, 1.697, 1.653, 1.653, 1.653, 1.631, 1.631, 1.631
steps: 48
train/raw/lm: 5.1 -> 4.9 ~ 0.05
```

```run quiet
steps: 60
train/loss: 9.9 -> 8.1 ~ 0.1
train/grad_norm: 1.2 -> 0.6 ~ 0.1
```

## Remedy
Print the loss beside the value that is logged, for three batches. Log `loss.detach()` of this step, inside of the loop.

## Sources
- The failure catalogue of this project: the total that was never updated.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

Flags = NDArray[np.bool_]
_WITNESSES, _FEW = (names.EVAL_LM_LOSS, names.EVAL_LOSS), 3
"""Evaluations that tell that the run goes on, and fewest of them; whether they stand still is told by R101."""

_MUCH = 0.25
"""The share of the records from which on a value that stands to the end is no hint."""

_STANDS, _LIMIT = "one after the other, while others change", "and never beyond"
_OLD = "It is computed no more from there on: a variable that is set outside of the loop, a cache, an old tensor."
_CUT = "It is cut at a limit: a clamp of the loss, or of the number that is written. Beyond it there is no gradient."
_CLIPPED = "The norm is taken after the clip."
_FIRST = "The first value is logged for ever: a variable that is set outside of the loop, or an old tensor."


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each measured series that never changes while another one does."""
    series = _measured(run, t)
    yield from _ended(run, t)
    if stands := list(_stands(run, t)):
        yield from stands
        return
    if len(series) < 2:
        raise TooFew(f"fewer than two series of the training with {t['records']:g} records")
    moving = [name for name, column in series.items() if bool(np.any(column.value != column.value[0]))]
    yield from _coarse(series, t)
    again = {name: one for name in moving if name not in _WITNESSES and (one := _repeat(name, series, t)) is not None}
    held = {name: one for name, one in _held(series, t) if name not in again or again[name].limit}
    yield from held.values()
    yield from (_repeated(name, series[name], one) for name, one in again.items() if name not in held)
    for name, column in series.items():
        value = column.last
        yield Reading(f"records of {name} that differ from the first", float(np.sum(column.value != column.value[0])))
        stale = name not in _WITNESSES and name not in moving and bool(moving) and value != 0
        if not stale or (signals.significant_digits(value) < t["digits"] and not _precise(name, series, moving)):
            continue
        norm = name == names.GRAD_NORM
        yield RULE.finding(
            level=Level.INFO if norm else Level.WARNING,
            headline=(
                f"{words.capital(words.called(name))} is {words.number(value, 6)} in all {len(column):,} records, to "
                f"the last digit, while {words.called(moving[0])} changes: it is not computed anew."
            ),
            evidence=(f"Steps {words.step(float(column.step[0]))} to {words.step(float(column.step[-1]))}",),
            cause=_CLIPPED if norm else _FIRST,
            remedy="Log the value of this step, inside of the loop; print it beside what is logged for three batches.",
            first_step=float(column.step[0]),
            last_step=float(column.step[-1]),
            numbers={"value": value, "records": float(len(column))},
        )


def _stands(run: Run, t: Thresholds) -> Iterator[Finding]:
    """The hint of a total that is one number in a few records."""
    loss = signals.stands(run, t["digits"] + 1)
    if loss is not None and t["few"] <= len(loss) < t["records"]:
        yield RULE.finding(
            level=Level.INFO,
            headline=f"The training loss is {words.number(loss.last, 6)} in all {len(loss)} records.",
            evidence=(f"Steps {words.step(float(loss.step[0]))} to {words.step(float(loss.step[-1]))}",),
            cause="Nothing is learned and all texts give one and the same output; or an old number is logged.",
            remedy="Print the loss and the gradient norm of three batches, and one row of logits of each.",
            first_step=float(loss.step[0]),
            last_step=float(loss.step[-1]),
            numbers={"value": loss.last, "records": float(len(loss))},
        )


def _repeat(name: str, series: dict[str, Column], t: Thresholds) -> signals.Repeat | None:
    """One value in many records, while others change meanwhile."""
    one = signals.repeats(series[name], t["share"])
    told = one is None or one.limit or any(_moves(other, one) for key, other in series.items() if key != name)
    return one if told else None


def _repeated(name: str, column: Column, one: signals.Repeat) -> Finding:
    where = f"from step {words.step(one.first)} to {words.step(one.last)}"
    what, cause = (_LIMIT, _CLIPPED if name == names.GRAD_NORM else _CUT) if one.limit else (_STANDS, _OLD)
    surely = not one.limit and name != names.GRAD_NORM and one.count > _MUCH * len(column)
    return RULE.finding(
        level=Level.WARNING if surely and one.last == column.step[-1] else Level.INFO,
        headline=(
            f"{words.capital(words.called(name))} is {words.number(one.value, 6)} in {one.count:,} of "
            f"{len(column):,} records, to the last digit, {what}."
        ),
        evidence=(f"{words.capital(where)}; it has noise in the others",),
        cause=cause,
        remedy="Log the value of this step, inside of the loop; print it beside what is logged for three batches.",
        first_step=one.first,
        last_step=one.last,
        numbers={"value": one.value, "records": float(one.count)},
    )


def _moves(column: Column, one: signals.Repeat) -> bool:
    within = column.value[(column.step >= one.first) & (column.step <= one.last)]
    return within.size > 2 and float(np.mean(np.diff(within) != 0)) > 0.5


def _coarse(series: dict[str, Column], t: Thresholds) -> Iterator[Finding]:
    """A loss with digits too few to see it move, where another one has more."""
    losses = {name: column for name, column in series.items() if name != names.GRAD_NORM}
    found = {name: signals.resolution(column.value) for name, column in losses.items()}
    fine = [name for name, share in found.items() if share < 0.1 * t["coarse"]]
    for name, share in found.items():
        # a loss near 0 has few digits by itself
        coarse = share > t["coarse"] and share * float(median(np.abs(losses[name].value))) >= t["digit"]
        if name not in _WITNESSES and coarse and fine and np.ptp(losses[name].value) > 0:
            yield RULE.finding(
                level=Level.INFO,
                headline=(
                    f"{words.capital(words.called(name))} is written with too few digits: the last of them is "
                    f"{words.percent(share)} of it, and {words.called(fine[0])} shows far more."
                ),
                evidence=(f"{np.unique(losses[name].value).size} different values in {len(losses[name]):,} records",),
                cause="It is rounded, or turned into a whole number, before it is written.",
                remedy="Log the number as it is; what is judged here by this series is judged by its rounding.",
                first_step=float(losses[name].step[0]),
                last_step=float(losses[name].step[-1]),
                numbers={"resolution": share},
            )


def _ended(run: Run, t: Thresholds) -> Iterator[Finding]:
    """The total loss, whose records end long before those of a setting and of the evaluations."""
    loss, others = run.get(names.LOSS), [run.get(name) for name in (*_WITNESSES, names.LEARNING_RATE, names.GRAD_NORM)]
    if loss is None or len(loss) < t["records"] or float(np.mean(np.diff(loss.step) <= 0)) > 0.1:
        return
    end, gap = float(loss.step.max()), float(median(np.diff(loss.step)))
    later = max((int(np.sum(other.step > end + gap)) for other in others if other is not None), default=0)
    if later < _FEW or run.last_step - end < max(_MUCH * (run.last_step - run.first_step), 10 * gap):
        return
    yield RULE.finding(
        level=Level.INFO,
        headline=f"The training loss is logged no more after step {words.step(end)}; the log goes on to "
        f"{words.step(run.last_step)}.",
        evidence=(f"{len(loss):,} records of it, and {later:,} of another number since",),
        cause="It is no longer written, or under another name, or as a text that is no number.",
        remedy="Look at the lines after that step; what is judged here of the loss ends there.",
        first_step=end,
        last_step=run.last_step,
        numbers={"later": float(later)},
    )


def _precise(name: str, series: dict[str, Column], moving: list[str]) -> bool:
    """Whether KD, a label loss or the norm is meant, and the others have digits enough: then 1 is no rounding."""
    term = names.KD if name == names.GRAD_NORM else names.term_of(name)
    digits = [signals.significant_digits(value) for one in moving for value in signals.sample(series[one].value)]
    return (term == names.KD or term in names.ANCHORS) and max(digits, default=0) > 3


def _held(series: dict[str, Column], t: Thresholds) -> Iterator[tuple[str, Finding]]:
    """A finding for each series a good part of whose records repeat the one before, where no other's do."""
    again = {name: np.diff(column.value) == 0 for name, column in series.items()}
    often = {name: float(np.mean(same)) for name, same in again.items()}
    other = min(often, key=lambda name: often[name])
    if often[other] > t["others"]:
        return
    for name, column in series.items():
        same = again[name] & (column.value[1:] != 0)
        moves = np.abs(np.diff(column.value))[~again[name]]
        # evaluations are few, and of one text: two that agree in four digits are an end, not a clamp
        few = float(np.mean(same)) < t["repeats"] or not same.any() or moves.size < 2
        if name in (names.GRAD_NORM, *_WITNESSES) or few:
            continue
        printed = min(signals.unit(value) for value in signals.sample(column.value).tolist())
        if float(median(moves)) < t["apart"] * printed:
            continue
        held, counts = np.unique(column.value[1:][same], return_counts=True)
        bound = float(held[np.argmax(counts)])
        yield name, _holds(name, column, same, other, bound if 2 * int(counts.max()) > int(same.sum()) else None)


def _holds(name: str, column: Column, same: Flags, other: str, bound: float | None) -> Finding:
    what = words.capital(words.called(name))
    count = f"{int(same.sum()):,} of {len(column):,} records"
    return RULE.finding(
        level=Level.INFO if bound is None else Level.WARNING,
        headline=(
            f"{what} repeats the record before, to the last digit, in {count}: it is computed now and then, and kept."
            if bound is None
            else f"{what} is held at {words.number(bound, 6)}, to the last digit, in {count}, and moves in the others."
        ),
        evidence=(f"{words.capital(words.called(other))} changes from record to record",),
        cause=(
            "It is taken from a cache or a variable in between, and has no gradient there."
            if bound is None
            else "It is clamped at this bound, and has no gradient there."
        ),
        remedy="Compute it in every step, on this step's batch; take the clamp away, or put it where nothing learns.",
        first_step=float(column.step[1:][same][0]),
        last_step=float(column.step[1:][same][-1]),
        numbers={"records": float(same.sum())},
    )


def _measured(run: Run, t: Thresholds) -> dict[str, Column]:
    """What every batch gives anew: the loss, its parts, the gradient norm; with enough finite records."""
    prefixes = (names.RAW, names.UNWEIGHTED, names.WEIGHTED)
    wanted = [name for name in run.columns if name in (names.LOSS, names.GRAD_NORM) or name.startswith(prefixes)]
    known = {name: signals.finite(signals.tidy(run.columns[name])) for name in wanted}
    found = {name: column for name, column in known.items() if len(column) >= t["records"]}
    # a log of the total alone: an evaluation that moves says that the run goes on
    if names.LOSS in found and set(found) <= {names.LOSS, names.GRAD_NORM}:
        for name in _WITNESSES:
            told = run.get(name)
            if told is not None and len(known_points := signals.finite(signals.tidy(told))) >= _FEW:
                found[name] = known_points
    return {name: column for name, column in found.items() if len(column)}


RULE = Rule(
    code="R404",
    name="number-stale",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.GRAD_NORM}",),
    check=check,
    thresholds={
        **{"records": 20, "few": 6, "digits": 3, "share": 0.1, "coarse": 0.015, "digit": 0.01},
        **{"repeats": 0.2, "others": 0.02, "apart": 10},
    },
)
