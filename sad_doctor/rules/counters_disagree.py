"""The counters do not agree

## What it sees
The epoch or the number of tokens, beside the step: it falls while the steps go on, stands still, jumps by far more than
it usually grows, or grows at another pace in the last third than in the first. One that is printed too coarsely to
rise in every record does not stand still. Or steps that are missing in the middle
of the log, that go on far past the last one that was planned, or that stand in it twice.

## Why it is bad
One of the counters counts something else than its name says: batches for optimizer steps, padding for tokens, one
process for all. Schedules, the comparison of runs "at the same tokens" and a resume depend on them. A pace that changes
is a batch that grows, an accumulation that changes, or texts of another length.

## Thresholds
- `pace = 1.5`: the factor between the paces of the first and the last third. `jump = 20`: a jump, in usual increments.
- `again = 0.25`: the share of records that tell a step once more, for several writers; or it goes back a fourth time.
- `past = 1.05`: the last step over the planned ones.
- `still = 0.2`: the share of the records over which it stands still. `records = 30`: fewest records.

## Example
```run fires
steps: 100
train/tokens: 0 -> 50000 -> 50000
train/loss: 5 -> 4 ~ 0.1
```

```run quiet
steps: 100
train/tokens: 1000 -> 100000
train/loss: 5 -> 4 ~ 0.1
```

## Remedy
Count each where it happens: a step after `optimizer.step()`, tokens as labels that count, summed over all processes.
Save every counter with the checkpoint.

## Sources
- The failure catalogue of this project: steps that were counted in batches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_SEAMS, _ALIKE = 3, 0.2
"""So many times a log goes back for resumes; and the share of the noise by which the values of one step may differ."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield at most one finding for each counter, and one for steps that are missing."""
    judged = 0
    total = run.fact(names.TOTAL_STEPS)
    if total and total > 0 and run.facts.get(names.STEP_UNIT) is None:
        judged += 1
        if run.last_step > t["past"] * total + 1:
            yield _past(run.last_step, total)
    for name in (names.EPOCH, names.TOKENS):
        told = run.get(name)
        column = None if told is None else _of_training(signals.finite(signals.tidy(told)), run)
        if column is None or len(column) < t["records"]:
            continue
        if _stands(column):
            judged += 1
            where = f"is {words.number(column.last, 6)} in all of its {len(column):,} records"
            yield _finding(name, column, float(column.step[0]), where, "It is not counted, or not logged anew.")
            continue
        if not _fine(column):
            continue
        judged += 1
        says = _odd(column, t)
        if says is not None:
            yield _finding(name, column, *says)
    loss = run.get(names.LOSS)
    if loss is not None and len(loss) >= t["records"]:
        judged += 1
        yield from _missing(signals.tidy(loss), t)
        yield from _again(run, signals.finite(loss), t)
    if not judged:
        raise TooFew(f"fewer than {t['records']:g} records of a counter")


def _of_training(column: Column, run: Run) -> Column:
    """Without the records of evaluations alone: those may repeat the counter of an older record."""
    loss, evaluation = run.get(names.LOSS), run.get(names.EVAL_LOSS)
    if loss is None or evaluation is None:
        return column
    alone = np.isin(column.step, evaluation.step) & ~np.isin(column.step, loss.step)
    return Column(column.step[~alone], column.value[~alone])


def _again(run: Run, loss: Column, t: Thresholds) -> Iterator[Finding]:
    """Steps that are told once more all along, by others than a resume or a run at another level (R505)."""
    back = int(np.sum(np.diff(loss.step) < 0))
    count, gap, noise = signals.told_again(loss)
    two = signals.doubled(loss)
    if not count or (two is not None and two.apart) or len(signals.beginnings(run)) > 1:
        return
    often = count >= t["again"] * len(loss) and (gap > 0 or back > _SEAMS)
    if not often and back <= _SEAMS:
        return
    alike = gap < _ALIKE * noise
    several = "several write into one log, " + ("each its own." if back else "or each micro-batch is a record.")
    yield RULE.finding(
        headline=(
            f"{count:,} records tell a step once more, "
            + (f"and the log goes back {back} times; " if back else "")
            + f"the losses of one step differ by {words.number(gap)} in the median: "
            + ("two processes write one run." if alike else several)
        ),
        evidence=(
            f"Neighbouring steps differ by {words.number(noise)}" if np.isfinite(noise) else "It tells no other step",
        ),
        cause=(
            "Each process of a distributed run writes the same numbers."
            if alike
            else "Each process of a distributed run logs its own batches, or each micro-batch is logged "
            "under the step that it belongs to, or several runs share a log."
        ),
        remedy="Log in the first process only, once a step, the mean over all of it; give each run a log of its own.",
        first_step=float(loss.step.min()),
        last_step=float(loss.step.max()),
        numbers={"again": float(count), "back": float(back), "gap": gap},
    )


def _past(last: float, total: float) -> Finding:
    return RULE.finding(
        headline=(
            f"The log goes to step {words.step(last)}, and {words.step(total)} were planned: "
            f"{words.number(last / total)} times as many."
        ),
        evidence=(f"Last step {words.step(last)}, planned {words.step(total)}",),
        cause="The steps that are logged count batches or micro-batches, and the plan counts optimizer steps; or the "
        "plan is that of another run.",
        remedy="Count a step after `optimizer.step()`, everywhere: in the log, the schedule and the plan.",
        first_step=total,
        last_step=last,
        numbers={"last": last, "planned": total},
    )


def _stands(column: Column) -> bool:
    """Whether a counter that is no whole number is the same from its second record on; whole epochs may be."""
    return bool(np.all(column.value[1:] == column.value[1])) and column.last != round(column.last)


def _fine(column: Column) -> bool:
    """Whether it counts finely enough: whole epochs stand still, and jump, by themselves."""
    return bool(np.mean(np.diff(column.value) != 0) > 0.5) or len(np.unique(column.value)) > 0.3 * len(column)


def _coarse(column: Column) -> bool:
    """Whether it grows evenly and is only printed coarsely: an epoch of two digits stands still by its rounding."""
    rises = np.diff(column.value)
    unit = float(np.min(rises[rises > 0], initial=np.inf))
    even = np.interp(column.step, column.step[[0, -1]], column.value[[0, -1]])
    return bool(np.all(np.abs(column.value - even) <= 1.5 * unit))


def _odd(column: Column, t: Thresholds) -> tuple[float, str, str] | None:
    """The step, what is odd, and the likeliest cause; None for a counter that counts."""
    grown, steps = np.diff(column.value), np.diff(column.step)
    usual = float(median(grown / steps))
    if usual <= 0 and _coarse(column):
        return None
    if usual <= 0:
        return float(column.step[0]), "stands still in most records", "It is not counted, or not logged anew."
    falls = np.flatnonzero(grown < -0.5 * usual * steps)
    if falls.size:
        at = float(column.step[falls[0] + 1])
        return at, f"falls at step {words.step(at)}", "It is counted anew: per epoch, per stage, or since a resume."
    same = signals.still(column)
    if same is not None and same.count > max(3.0, t["still"] * len(column)):
        where = f"stands still from step {words.step(same.first)} to {words.step(same.last)}"
        return same.first, where, "The steps go on without data, or it is not counted there."
    jumps = np.flatnonzero(grown > t["jump"] * usual * steps)
    if jumps.size:
        at = float(column.step[jumps[0] + 1])
        return at, f"jumps at step {words.step(at)}", "Data is skipped, as at a resume, or counted twice."
    third = grown.size // 3
    first, last = float(np.mean(grown[:third] / steps[:third])), float(np.mean(grown[-third:] / steps[-third:]))
    if min(first, last) > 0 and max(first, last) > t["pace"] * min(first, last):
        pace = f"grows by {words.number(first)} a step at first and by {words.number(last)} at the end"
        return float(column.step[0]), pace, "The batch, the accumulation or the length of the texts changes."
    return None


def _missing(loss: Column, t: Thresholds) -> Iterator[Finding]:
    gaps = np.diff(loss.step)
    usual = float(median(gaps))
    wide = np.flatnonzero(gaps > t["jump"] * usual)
    if usual > 0 and 0 < wide.size <= 3:
        at = int(wide[0])
        first, last = float(loss.step[at]), float(loss.step[at + 1])
        says = f"goes from {words.step(first)} to {words.step(last)} at once, where {words.step(usual)} is usual"
        yield _finding("the step", Column(loss.step, loss.step), first, says, "Part of the log is missing.")


def _finding(name: str, column: Column, at: float, says: str, cause: str) -> Finding:
    called = {names.EPOCH: "the epoch"}.get(name, words.called(name))
    return RULE.finding(
        headline=f"{words.capital(called)} {says}.",
        evidence=(
            f"{words.number(float(column.value[0]))} at step {words.step(column.step[0])}, "
            f"{words.number(column.last)} at step {words.step(column.step[-1])}",
        ),
        cause=cause,
        remedy="Count each where it happens, and save every counter with the checkpoint.",
        first_step=at,
        last_step=float(column.step[-1]),
        numbers={"first": float(column.value[0]), "last": column.last},
    )


RULE = Rule(
    code="R507",
    name="counters-disagree",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.EPOCH}|{names.TOKENS}|{names.LOSS}",),
    check=check,
    thresholds={"pace": 1.5, "jump": 20, "still": 0.2, "records": 30, "past": 1.05, "again": 0.25},
)
