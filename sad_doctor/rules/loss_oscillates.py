"""The loss swings up and down

## What it sees
The medians of 40 blocks of the training total, from a fifth of the logged range on, turn at least `turns` times, each
time by more than a share of the level, than a floor in nats and than the noise of the batches explains; and the swings
are larger than a quarter of what the loss gains meanwhile. Or the loss alternates from record to record, high, low,
high, far beyond chance, and does not fall. A learning rate that itself rises and falls (restarts) excuses both, and a
loss of parts whose label loss or KD does not swing; where an evaluation falls, it is a hint.

## Why it is bad
A step that overshoots the valley lands on its other side: the weights go to and fro and the loss falls only when the
learning rate does. Batches that come in an order of their own (two sources in turn, sorted by length) swing too: then
the average of the last records says nothing of the model.

## Thresholds
- `swing = 0.1`, `nats = 0.1`: the smallest swing that counts, as a share of the level and at least.
- `turns = 6`: so many turns; three full swings are no chance.
- `alternates = -0.5`: the correlation of neighbouring records below which they alternate; chance gives 0.
- `records = 200`: fewest records.

## Example
```run fires
steps: 600
train/loss: 5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 ~ 0.1
```

```run quiet
steps: 600
train/loss: 9 -> 5 -> 4 -> 3.6 -> 3.4 ~ 0.6
```

## Remedy
Lower the peak learning rate, make the batch larger by accumulation, shuffle the data. If the swings keep time with the
order of the data, shuffle first.

```toml
[train]
learning_rate = 3e-4
accumulation = 8
```

## Sources
- TheDeepChecker (Ben Braiek and Khomh 2022), "Fluctuating loss"; AUTOTRAINER (ICSE 2021), "oscillating loss".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, require
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_BLOCKS = 40
_SIGMAS = 6.0
_GAIN = 0.25
"""The share of all that the loss gains that a swing must exceed: smaller ones are ripples on its way down."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for slow swings or for records that alternate."""
    found = run.get(names.LOSS)
    if found is None:
        return
    loss = signals.finite(signals.tidy(found))
    require(len(loss), t["records"], "finite record", "of the loss")
    late = Column(loss.step[len(loss) // 5 :], loss.value[len(loss) // 5 :])
    turns, swing, gained = _swings(late, t)
    alternation = _alternation(late.value)
    yield Reading("turns of the loss", turns, "turns")
    yield Reading("correlation of neighbouring records", alternation, "alternates")
    level = abs(float(median(late.value)))
    slow = turns >= t["turns"] and swing > _GAIN * gained and not _excused(run, t)
    spread = float(median(np.abs(np.diff(late.value))))
    fast = alternation < t["alternates"] and spread > max(t["swing"] * level, t["nats"]) and gained < spread
    if (slow or fast) and not _rate_turns(run):
        yield _finding(run, late, turns, swing if slow else spread, slow=slow)


def _swings(column: Column, t: Thresholds) -> tuple[int, float, float]:
    """Turns of the blocks' medians, the median size of a swing, and how far the loss fell from end to end."""
    found = signals.blocks(column, _BLOCKS)
    if found is None:
        return 0, 0.0, 0.0
    level = abs(float(median(found.middle)))
    least = max(t["swing"] * level, t["nats"], _SIGMAS * float(median(found.error)))
    corners = _corners(found.middle, least)
    sizes = np.abs(np.diff(corners))
    fifth = _BLOCKS // 5
    gained = float(median(found.middle[:fifth]) - median(found.middle[-fifth:]))
    return max(sizes.size - 1, 0), float(median(sizes)) if sizes.size else 0.0, gained


def _corners(values: Floats, least: float) -> list[float]:
    """Return the values at which a line turns, and the first and last; swings of less than ``least`` are none."""
    corners, heading = [float(values[0])], 0
    high = low = float(values[0])
    for value in values.tolist():
        high, low = max(high, value), min(low, value)
        if heading >= 0 and high - value > least:
            corners += [high] if heading else []
            heading, low = -1, value
            high = value
        elif heading <= 0 and value - low > least:
            corners += [low] if heading else []
            heading, high = 1, value
            low = value
    return [*corners, high if heading > 0 else low]


def _alternation(values: Floats) -> float:
    """Correlation of neighbours: 0 for noise, above 0 for a trend, -1 where high and low take turns."""
    recent = values[-4096:]
    return float(np.corrcoef(recent[:-1], recent[1:])[0, 1]) if np.ptp(recent) else 0.0


def _excused(run: Run, t: Thresholds) -> bool:
    """Whether the log tells the label loss or KD before any weight, and none of them swings: weights do."""
    raw = [c for term, c in run.terms(names.RAW).items() if term in names.ANCHORS or term == names.KD]
    judged = [c for c in raw if len(c) >= t["records"]]
    return bool(judged) and all(_swings(c, t)[0] < t["turns"] / 2 for c in judged)


def _rate_turns(run: Run) -> bool:
    """Whether the learning rate goes up again after it came down: restarts."""
    rate = run.get(names.LEARNING_RATE)
    if rate is None or len(rate) < 10:
        return False
    known = signals.finite(signals.tidy(rate)).value
    return len(_corners(known, 0.3 * float(np.max(known, initial=0.0)))) > 3


def _finding(run: Run, loss: Column, turns: int, size: float, *, slow: bool) -> Finding:
    falling = any(signals.falls(c, 0.02) or _steps_down(c) for c in signals.evaluations(run).values())
    level = float(median(loss.value))
    how = f"turns {turns} times, by {words.number(size)} in the median" if slow else "alternates from record to record"
    return RULE.finding(
        level=Level.INFO if falling else Level.WARNING,
        headline=f"The loss swings: at a level of {words.number(level)} it {how}.",
        evidence=(
            f"Between steps {words.step(loss.step[0])} and {words.step(loss.step[-1])}, swings of "
            f"{words.number(size)}, {words.percent(size / max(abs(level), 1e-12))} of the level",
            *(["An evaluation falls meanwhile"] if falling else []),
        ),
        cause="The learning rate is too large for this batch, or the data comes in an order of its own.",
        remedy="Lower the peak learning rate or accumulate more; shuffle the data.",
        first_step=float(loss.step[0]),
        last_step=float(loss.step[-1]),
        numbers={"turns": float(turns), "swing": size, "level": level},
    )


def _steps_down(column: Column) -> bool:
    known = column.value
    return known.size >= 4 and bool(np.mean(np.diff(known) < 0) >= 0.75)


RULE = Rule(
    code="R106",
    name="loss-oscillates",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.LOSS,),
    check=check,
    thresholds={"swing": 0.1, "nats": 0.1, "turns": 6, "alternates": -0.5, "records": 200},
)
