"""The steps are too small to matter

## What it sees
The update of the weights, over the weights, below three millionths in the median of the middle of the run, while
neither the evaluation nor the label loss surely falls. Where one of them falls, it is quiet.

## Why it is bad
A usual step moves the weights by a thousandth to a hundred-thousandth of their size. At a millionth the run needs a
million steps for what is planned in some thousands, and in bf16, whose steps are 4 to 8 thousandths, nearly every such
update is rounded away: the optimizer works and the weights stay.

## Thresholds
- `update = 3e-06`: the median below which a step is too small.
- `records = 20`: fewest records.

## Example
```run fires
steps: 100
train/loss: 5.4 ~ 0.02
train/lr: 2.7e-6
train/update_ratio: 1.7e-6
```

```run quiet
steps: 100
train/loss: 5.4 -> 4 ~ 0.02
train/lr: 2.7e-4
train/update_ratio: 1.7e-4
```

## Remedy
Raise the learning rate tenfold and look at fifty steps; with weights in bf16 keep a float32 copy for the optimizer.

```toml
[train]
learning_rate = 3e-4
```

## Sources
- TheDeepChecker (Ben Braiek and Khomh 2022): log10 of the ratio between -4 and -1; Karpathy's lecture notes, about
  1e-3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, require
from sad_doctor.run import Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for updates that move nothing."""
    update = signals.finite(signals.tidy(run.columns[names.UPDATE_RATIO]))
    require(len(update), t["records"], "record", "of the update")
    tenth = len(update) // 10
    middle = float(median(update.value[tenth : len(update) - tenth]))
    yield Reading("median update over the weights", middle, "update")
    if not 0 < middle < t["update"] or _falls(run):
        return
    rate = run.get(names.LEARNING_RATE)
    told = (
        ""
        if rate is None
        else f" at a learning rate of up to {words.number(float(np.max(signals.finite(rate).value, initial=0.0)))}"
    )
    yield RULE.finding(
        headline=f"A step moves the weights by {words.number(middle)} of their size{told}: too little to learn from.",
        evidence=(f"{words.spread(update.value.tolist(), 'record')}; usual is 1e-05 to 1e-03",),
        cause="The learning rate is far too small, or it was divided once too often; in bf16 such updates are lost.",
        remedy="Raise the learning rate tenfold and look at fifty steps; keep float32 weights in the optimizer.",
        first_step=float(update.step[0]),
        last_step=float(update.step[-1]),
        numbers={"update": middle},
    )


def _falls(run: Run) -> bool:
    columns = [c for n, c in signals.evaluations(run).items() if n in (names.EVAL_LM_LOSS, names.EVAL_LOSS)]
    moved = any(len(c) >= 2 and c.last < c.value[0] - max(0.01 * abs(c.value[0]), 0.01) for c in columns)
    return moved or signals.loss_falls(run)


RULE = Rule(
    code="R110",
    name="updates-tiny",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.UPDATE_RATIO,),
    check=check,
    thresholds={"update": 3e-6, "records": 20},
)
