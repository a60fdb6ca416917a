"""The learning rate follows no schedule

## What it sees
A learning rate that still rises when the run is over or at its half; one that is below 0; one that jumps up by a large
factor from one record to the next, once the warm-up is over, or falls and climbs back; or one that goes up and down
throughout. Or, as a hint, one whose peak is far from what is used with Adam: so large that each step moves every
weight by a good part of itself, or so small that no step arrives.

## Why it is bad
A warm-up that is counted in the wrong unit never ends, and the run is trained at a fraction of its rate. A jump upwards
is a schedule that begins anew: at a resume without its state, in each epoch, or in each stage. A rate that goes up and
down is stepped by several processes, or by something that is not the optimizer. Restarts that are meant, as in SGDR,
look the same, so this is a hint there.

## Thresholds
- `rises = 1.5`: by which factor the rate must grow over the second half. `jump = 1.3`: by which factor it must jump.
- `creeps = 1.05`: the same for a rate that has never fallen, in a run that is over.
- `lowest = 0.7`, `left = 0.25`: the share of the records for which it keeps its lowest value, below this share of the
  peak; a hint.
- `turns = 0.2`: the share of records at which it turns round. `records = 12`: fewest records.
- `large = 0.02`, `small = 1e-07`: the peak above or below which it is a hint. Adam moves a weight by about the rate in
  each step, and weights of a language model are about 0.02 in size; in bfloat16 a step below a 256th of a weight is
  rounded away. Prompts that are tuned alone take larger ones, and so does plain SGD, which is left alone where the log
  names it (`optimizer`, `optim`), or where the loss has fallen to less than half.

## Example
```run fires
steps: 100
train/lr: 0.000001 -> 0.0001
fact total_steps: 100
```

```run fires
steps: 100
train/lr: 0.3 -> 0
```

```run quiet
steps: 100
train/lr: 0.3 -> 0
fact optimizer: SGD
```

```run quiet
steps: 100
train/lr: 0 -> 0.0001 -> 0.00009 -> 0.00008 -> 0.00005 -> 0
fact total_steps: 100
```

## Remedy
Count warm-up and schedule in optimizer steps, batches / accumulation; step the scheduler once after each
`optimizer.step()`; save and load its state with the weights.

```toml
[train]
warmup = 0.05
```

## Sources
- Loshchilov and Hutter 2017, "SGDR", arXiv 1608.03983: restarts that are meant.
- Radford et al. 2019, GPT-2: weights drawn with a deviation of 0.02. UMLAUT (Schoop et al. 2021): rates above 0.01 or
  below 1e-7 are told.
- accelerate's documentation: a prepared scheduler is stepped once for each process unless batches are split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_HALF, _BACK, _CLIMB, _GOES_ON = 0.5, 0.8, 3, 0.9
"""The share that is left after a fall, that to which a rate climbs back, and the fewest records that takes; the most
that is left at the end of what a loss that learns had after its first records."""

_TO_ZERO = "Count warm-up and schedule in optimizer steps: batches / accumulation, once for each of them."


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the first of these that the rate shows."""
    rate = signals.finite(signals.tidy(run.columns[names.LEARNING_RATE]))
    if len(rate) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of the learning rate")
    value = rate.value
    half = float(value[len(rate) // 2])
    grown = rate.last / half if half > 0 else 0.0
    yield Reading("growth of the rate over the second half, as a factor", grown, "rises")
    steps = np.diff(value)
    turns = float(np.mean(np.sign(steps[1:]) * np.sign(steps[:-1]) < 0)) if steps.size > 1 else 0.0
    yield Reading("share of records at which the rate turns round", turns, "turns")
    if bool(np.any(value < 0)):
        at = int(np.argmax(value < 0))
        says = f"The learning rate is below 0 from step {words.step(rate.step[at])} on"
        yield _finding(rate, at, Level.WARNING, says, "The schedule runs past its end.", _TO_ZERO)
    elif grown > t["rises"] and bool(np.all(steps[len(steps) // 2 :] >= 0)) and (over := _over(run, rate)) > 0:
        says = (
            f"The learning rate still rises at step {words.step(rate.step[-1])}, to {words.number(rate.last)}: its "
            "warm-up never ends"
        )
        level = Level.WARNING if over > 1 else Level.INFO
        yield _finding(
            rate, 0, level, says, "The warm-up is longer than the run, or counted in another unit.", _TO_ZERO
        )
    elif _never_down(value, t) and _over(run, rate) > 0:
        says = (
            f"The learning rate grows to the last record, to {words.number(rate.last)}: no schedule takes it down, and "
            "no warm-up lasts as long"
        )
        yield _finding(rate, 0, Level.INFO, says, "Each step adds to the rate, or the warm-up is never over.", _TO_ZERO)
    elif turns > t["turns"]:
        says = f"The learning rate goes up and down: it turns round at {words.percent(turns)} of its records"
        cause = "The schedule is stepped by what is no optimizer step, or two schedules set one rate."
        yield _finding(rate, 0, Level.INFO, says, cause, _TO_ZERO)
    elif drops := _drops(value):
        says = (
            f"The learning rate falls from {words.number(float(value[drops[0] - 1]))} to "
            f"{words.number(float(value[drops[0]]))} at step {words.step(rate.step[drops[0]])} and climbs back"
            + (f", and so at {len(drops) - 1} more places" if len(drops) > 1 else "")
        )
        cause = "The warm-up begins anew, in each epoch or stage; or restarts with a warm-up are meant."
        yield _finding(rate, drops[0], Level.INFO, says, cause, _TO_ZERO)
    elif jumps := list(_jump(rate, t)):
        yield from jumps
    elif (low := _lowest_early(rate, t)) is not None:
        says = (
            f"The learning rate is at its lowest, {words.number(rate.last)}, from step {words.step(rate.step[low])} "
            f"on, {words.percent(1 - low / len(rate))} of the run"
        )
        cause = "The decay is far shorter than the run: a length that was left at its default, or another unit."
        yield _finding(rate, low, Level.INFO, says, cause, _TO_ZERO)
    else:
        yield from _size(run, rate, t)


def _lowest_early(rate: Column, t: Thresholds) -> int | None:
    """From which record on the rate keeps its lowest value after the peak, to the last digit, for most of the run."""
    top = int(np.argmax(rate.value))
    same = rate.value[top:] == rate.last
    low = top + int(np.argmax(same))
    early = low <= (1 - t["lowest"]) * len(rate) and bool(np.all(same[low - top :]))
    return low if early and 0 < rate.last < t["left"] * rate.value[top] else None


def _never_down(value: Floats, t: Thresholds) -> bool:
    """Whether the rate never falls and grows in most records of the second half, by a few percent at least."""
    steps, half = np.diff(value), value.size // 2
    grows = float(np.mean(steps[half:] > 0)) > 0.5 and value[-1] > t["creeps"] * value[half] > 0
    return bool(np.all(steps >= 0)) and grows


def _over(run: Run, rate: Column) -> int:
    """2 if the run is over, 1 if half of what was planned is, 0 if neither or if the log does not tell."""
    total = run.fact(names.TOTAL_STEPS)
    if run.facts.get(names.STATUS) == "finished" or (total and rate.step[-1] >= 0.9 * total):
        return 2
    return int(total is None or total <= 0 or bool(rate.step[-1] >= 0.5 * total))


def _drops(value: Floats) -> list[int]:
    """Where the rate falls to less than half from one record to the next and then climbs back to most of that."""
    falls = np.flatnonzero((value[1:] < _HALF * value[:-1]) & (value[:-1] > _HALF * value.max())) + 1
    ends = np.append(falls[1:], value.size)[: falls.size].tolist()
    return [
        at
        for at, end in zip(falls.tolist(), ends, strict=True)
        if end - at >= _CLIMB and value[at + 1 : end].max(initial=0.0) > _BACK * value[at - 1]
    ]


def _jump(rate: Column, t: Thresholds) -> Iterator[Finding]:
    """Jumps upwards after the rate has begun to come down or stood still."""
    value = rate.value
    top = int(np.argmax(value >= 0.98 * value[: max(2, len(value) // 5)].max()))
    later = value[top:]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(later[:-1] > 0, later[1:] / later[:-1], np.where(later[1:] > 0, np.inf, 1.0))
    jumps = np.flatnonzero(factor > t["jump"]) + top + 1
    if not jumps.size or jumps.size > 0.1 * len(value):
        return
    at = int(jumps[0])
    many = f", and so at {jumps.size - 1} more places" if jumps.size > 1 else ""
    yield _finding(
        rate,
        at,
        Level.INFO,
        f"The learning rate jumps up from {words.number(float(value[at - 1]))} to {words.number(float(value[at]))} at "
        f"step {words.step(rate.step[at])}{many}",
        "The schedule begins anew, at a resume, an epoch or a stage; or restarts are meant.",
        "Save and load the scheduler's state; make it once, for all steps of the run.",
    )


def _plain(facts: Mapping[str, object]) -> bool:
    """Whether the log says that its optimizer is plain SGD, which moves a weight by far less than the rate."""
    return any(
        _plain(value) if isinstance(value, Mapping) else "optim" in str(key).lower() and "sgd" in str(value).lower()
        for key, value in facts.items()
    )


def _fits(run: Run) -> bool:
    """Whether the loss has fallen by half and more since its beginning: so it does at no rate that is far too large."""
    label, total = signals.label_loss(run), run.get(names.LOSS)
    column = label[1] if label is not None else None if total is None else signals.finite(signals.tidy(total))
    third = 0 if column is None else len(column) // 3
    if column is None or third < _CLIMB:
        return False
    late, value = float(np.max(column.value[-third:])), column.value
    # a first step that is far too large throws the loss up, and what comes back from there has learned nothing
    return late < _HALF * float(median(value[:_CLIMB])) and late < _GOES_ON * float(median(value[third // 4 : third]))


def _size(run: Run, rate: Column, t: Thresholds) -> Iterator[Finding]:
    """A peak that hardly anybody means."""
    peak = float(rate.value.max())
    told = words.number(peak)
    if peak > t["large"] and not _plain(run.facts) and not _fits(run):
        says = f"The learning rate goes up to {told}: with Adam a step moves every weight by about that much"
        cause = "A decimal point, or a rate of SGD that is given to Adam; with SGD it may be meant."
        yield _finding(rate, 0, Level.INFO, says, cause, "Begin with 1e-4 for a trained student, 1e-3 for a new one.")
    elif 0 < peak < t["small"]:
        says = f"The learning rate is never above {told}: no step of Adam arrives in weights of half precision"
        cause = "A decimal point, or a schedule that divides the rate once more."
        yield _finding(rate, 0, Level.INFO, says, cause, "Begin with 1e-5 for a trained student, 1e-3 for a new one.")


def _finding(rate: Column, at: int, level: Level, says: str, cause: str, remedy: str) -> Finding:
    return RULE.finding(
        level=level,
        headline=f"{says}.",
        evidence=(
            f"{words.number(float(rate.value[0]))} at step {words.step(rate.step[0])}, at most "
            f"{words.number(float(rate.value.max()))}, {words.number(rate.last)} at step {words.step(rate.step[-1])}",
        ),
        cause=cause,
        remedy=remedy,
        first_step=float(rate.step[at]),
        last_step=float(rate.step[-1]),
        numbers={"last": rate.last, "peak": float(rate.value.max())},
    )


RULE = Rule(
    code="R112",
    name="learning-rate-odd",
    level=Level.WARNING,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(names.LEARNING_RATE,),
    check=check,
    thresholds={
        **{"rises": 1.5, "jump": 1.3, "turns": 0.2, "records": 12, "creeps": 1.05},
        **{"large": 0.02, "small": 1e-7, "lowest": 0.7, "left": 0.25},
    },
)
