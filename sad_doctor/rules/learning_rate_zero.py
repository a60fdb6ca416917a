"""The learning rate is zero

## What it sees
A learning rate of exactly 0 at every record, or in a stretch longer than the first records of a warm-up or the last
ones of a decay: in the middle of the run, or after a schedule that ended long before the training did. A rate that came
down to next to nothing of its peak long before the end is told as well.

## Why it is bad
At a learning rate of 0 a step changes nothing. A schedule is often shorter than the run because it was made for
optimizer steps and is advanced for every batch, or the other way round; or because its length was computed before
epochs, accumulation or devices were known. A learning rate of 0 throughout says that the scheduler was never stepped.

## Thresholds
- `share = 0.1`: zeros at the start, at the end or in the middle, as a share of all records, that are not excused.
- `nothing = 0.001`, `early = 0.3`: the share of the peak that is next to nothing, and how much of the run may be
  spent there. A cosine is below this share in its last fiftieth only. `records = 20`: fewest records for it.
- `rest = 0.15`: a rate of 0 in no more than this share at the very end is a hint: little is lost by it.
- `after = 300`: a run that has only zeros is judged when they span so many steps, an epoch, or half of the planned
  steps; from 50 records on a twentieth of these.

A loss that falls all the same, or an evaluation that changes, proves the zero wrong: then it was rounded by the logger
("0.0000" for 2e-5), or belongs to another parameter group, and the finding is only a hint. Zeros that lie next to the
smallest value that the log's digits can show may be rounded too, and are left alone.

## Example
```run fires
steps: 200 every 5
train/loss: 28 ~ 3
train/lr: 0
```

```run fires
steps: 100 every 10
train/loss: 9 -> 6
train/lr: 3e-4 -> 1e-4 -> 0 -> 0 -> 0
```

```run quiet
steps: 100 every 10
train/loss: 9 -> 6
train/lr: 0 -> 3e-4 -> 2e-4 -> 1e-4 -> 0
```

## Remedy
Step the scheduler once per optimizer step, and give it the number of optimizer steps:
batches / accumulation x epochs. With `sad train` the schedule always ends with the run; its end is

```toml
[train]
warmup = 0.05
final_learning_rate = 0.1
```

## Sources
- The failed runs this project starts from: `lr=0.000e+00` in every line, taken for a rounding of the display.
- trainproof: warns when a tenth of the records has a learning rate of 0, fails when nearly all have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run

_LATE = 0.2
"""Share of the planned steps after which no warm-up is under way."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for zeros throughout, else for the longest stretch of them that nothing excuses."""
    found = run.get(names.LEARNING_RATE)
    if found is None:
        return
    rate = signals.tidy(found)
    if signals.always_zero(rate, 1):
        if not signals.never_steps(run, t["after"]):
            raise TooFew(_short(run, rate))
        yield _throughout(run, rate)
        return
    stretch = signals.still(Column(rate.step, np.where(rate.value == 0, 0.0, np.arange(1.0, len(rate) + 1))))
    longest = stretch.count if stretch is not None and stretch.value == 0 else 0
    yield Reading("longest stretch at 0, as a share of the records", longest / len(rate), "share")
    if stretch is None or stretch.value != 0 or stretch.count <= max(t["share"] * len(rate), 2):
        yield from _next_to_zero(run, rate, t)
        return
    if len(rate) < t["records"] and stretch.first == rate.step[0] and signals.tidy(found).last > 0:
        raise TooFew("few records that begin with a rate of 0: a warm-up, or steps that were skipped for an overflow")
    if not _rounded(rate, stretch):
        told = _stretch(run, rate, stretch)
        rests = stretch.last == rate.step[-1] and stretch.count <= t["rest"] * len(rate)
        yield replace(told, level=Level.INFO) if rests else told


def _next_to_zero(run: Run, rate: Column, t: Thresholds) -> Iterator[Finding]:
    """A rate that has come down to next to nothing of its peak long before the end."""
    known = signals.finite(rate)
    peak = float(np.max(known.value, initial=0.0))
    alive = np.flatnonzero(known.value >= t["nothing"] * peak)
    if peak <= 0 or not alive.size or len(known) < t["records"]:
        return
    total = run.fact(names.TOTAL_STEPS)
    end = total if total and total > 0 else float(known.step[-1])
    since = float(known.step[alive[-1]])
    gone = float(known.step[-1]) - since  # of what was logged: what is still to come says nothing
    if gone <= t["early"] * (end - float(known.step[0])) or known.value[-1] <= 0:
        return
    yield RULE.finding(
        level=Level.WARNING,
        headline=(
            f"The learning rate is next to zero since step {words.step(since)}: {words.number(known.last)} at the end, "
            f"of {words.number(peak)} at most."
        ),
        evidence=(
            f"Below {words.number(t['nothing'])} of its peak in the last {len(known) - 1 - int(alive[-1]):,} records",
        ),
        cause="A schedule that is too short, or one that lowers the rate on a plateau and watches the wrong way.",
        remedy="Give the schedule the run's optimizer steps; a plateau schedule of a loss waits for its minimum.",
        first_step=since,
        last_step=float(known.step[-1]),
        numbers={"peak": peak, "last": known.last},
    )


def _short(run: Run, rate: Column) -> str:
    """What few records of 0 may be: where they stand in the run tells."""
    total = run.fact(names.TOTAL_STEPS)
    first, last = float(rate.step[0]), float(rate.step[-1])
    count = "the only record has" if len(rate) == 1 else f"all {len(rate)} records have"
    where = words.span(first, last)
    if total and first > _LATE * total:
        return (
            f"{count} a learning rate of 0, but the log holds only {where} of {words.step(total)}: a schedule may be "
            "over there, which a warm-up is not; a longer part of the log would tell"
        )
    return f"{count} a learning rate of 0, which may be the first of a warm-up"


def _throughout(run: Run, rate: Column) -> Finding:
    falls = signals.loss_falls(run)
    doubted = falls or signals.evaluation_moves(run)
    yet = "the loss falls" if falls else "the evaluation changes"
    says = f"The learning rate is exactly 0 in {len(rate):,} of {len(rate):,} records"
    return RULE.finding(
        level=Level.INFO if doubted else Level.ERROR,
        headline=f"{says}, yet {yet}: it is not what the optimizer uses." if doubted else f"{says}.",
        evidence=(f"Learning rate 0 from step {words.step(rate.step[0])} to {words.step(rate.step[-1])}",),
        cause=(
            "The logger rounds (0.0000 for 2e-5) or reads another parameter group."
            if doubted
            else "The scheduler is never stepped, or the optimizer never is."
        ),
        remedy=(
            "Log the learning rate with an exponent, from the group that trains the student."
            if doubted
            else "Step the scheduler once per optimizer step, and check that the accumulation's gate opens."
        ),
        first_step=float(rate.step[0]),
        last_step=float(rate.step[-1]),
        numbers={"zero_records": float(len(rate)), "records": float(len(rate))},
    )


def _rounded(rate: Column, stretch: signals.Still) -> bool:
    """Whether the rate fades into the zeros: beside them stands one unit of the last digit that is ever printed."""
    shown = rate.value[np.isfinite(rate.value) & (rate.value != 0)]
    digit = min((signals.unit(value) for value in signals.sample(np.unique(shown)).tolist()), default=0.0)
    first, last = np.searchsorted(rate.step, [stretch.first, stretch.last])
    beside = rate.value[[i for i in (first - 1, last + 1) if 0 <= i < len(rate)]]
    return bool(np.all(np.abs(beside) <= 1.01 * digit))


def _stretch(run: Run, rate: Column, stretch: signals.Still) -> Finding:
    ended = stretch.last == rate.step[-1]
    peak = words.number(float(np.nanmax(rate.value)))
    where = f"from step {words.step(stretch.first)} to {words.step(stretch.last)}"
    total = run.fact(names.TOTAL_STEPS)
    planned = f"; the run is planned for {words.step(total)} steps" if total else ""
    return RULE.finding(
        level=Level.WARNING,
        headline=f"The learning rate is exactly 0 {where}: {stretch.count:,} of {len(rate):,} records.",
        evidence=(f"Largest learning rate {peak}, then 0 {where}{planned}",),
        cause=(
            "The schedule is shorter than the training: it counts batches where it should count optimizer steps, or "
            "was made for fewer epochs."
            if ended
            else "The schedule starts late or returns to 0: its step is not the optimizer's step."
        ),
        remedy="Give the schedule the number of optimizer steps: batches / accumulation x epochs.",
        first_step=stretch.first,
        last_step=stretch.last,
        numbers={"zero_records": float(stretch.count), "records": float(len(rate))},
    )


RULE = Rule(
    code="R102",
    name="learning-rate-zero",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.LEARNING_RATE,),
    check=check,
    thresholds={"share": 0.1, "after": 300, "nothing": 1e-3, "early": 0.3, "rest": 0.15, "records": 20},
)
