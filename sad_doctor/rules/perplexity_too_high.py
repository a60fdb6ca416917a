"""The perplexity is above 1,000 after half of the run

## What it sees
The last evaluation made after half of the planned steps has a perplexity above 1,000. Where the log has no perplexity,
exp of the evaluation's LM loss stands for it. While it still falls, by a tenth since half of the way (at the first
evaluation from there on: since the one before), it is a hint: the run is short, or began with random weights. Where the
log does not tell how long the run will be, the logged range stands for it: then it takes more evaluations, the last
must be no better than one tenth below the one at half of the range, and it is a warning.

## Why it is bad
1,000 is where a student that starts from a pretrained model begins; half way it should be near 200. A student that is
still there has learned little but the frequencies of tokens. If the number is a clamp or exp of the total, it is told
as a consequence of that: then it says nothing of the student.

## Thresholds
- `perplexity = 1000`, `after = 0.5`: the figures of the project's wanted trajectory (about 200 at half time).
- `better = 0.1`: the improvement since half of the way that makes it a hint, or excuses it where the length is not
  known.
- `unplanned = 8`: fewest evaluations where the length is not known.

Between tokenizers perplexities differ; compare bits per byte there.

## Example
```run fires
fact total_steps: 1000
steps: 10 every 100
eval/perplexity: 9000, 4000, 2900, 2600, 2500, 2450, 2420, 2400, 2390, 2385
```

```run quiet
fact total_steps: 1000
steps: 10 every 100
eval/perplexity: 9000, 3000, 1500, 1100, 900, 700, 500, 400, 300, 250
```

## Remedy
Look first whether the weights move, then at the learning rate and at the LM term's share: a student driven by KD at
misaligned positions learns nothing of the text.

```toml
[terms.lm]
weight = 1.0
```

## Sources
- The bad signs of the failed runs this project starts from: "perplexity > 1000 after half".
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run

_END = 0.9995
"""The share of the run that reads as all of it."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the last evaluation."""
    total = run.fact(names.TOTAL_STEPS)
    perplexity = _perplexity(run)
    if len(perplexity):
        yield Reading("the last perplexity", perplexity.last, "perplexity")
    planned = bool(total and total > 0)
    if not total or not planned:
        if len(perplexity) < t["unplanned"]:
            raise TooFew("the log does not tell how many steps the run will take, and has few evaluations")
        total = run.last_step
        if perplexity.last < (1 - t["better"]) * float(
            np.interp(t["after"] * total, perplexity.step, perplexity.value)
        ):
            return
    elif len(perplexity) == 0 or perplexity.step[-1] < t["after"] * total:
        raise TooFew(f"no evaluation after {words.percent(t['after'])} of the planned {words.step(total)} steps")
    value, at = perplexity.last, float(perplexity.step[-1])
    if value <= t["perplexity"]:
        return
    best = float(perplexity.value.min())
    yield RULE.finding(
        level=Level.INFO if _still_falls(perplexity, total, t) else Level.ERROR if planned else Level.WARNING,
        headline=(
            f"The perplexity is {words.number(value)} {_where(at, total if planned else None)}, above "
            f"{words.number(t['perplexity'])}."
        ),
        evidence=(
            f"Step {words.step(at)}: {words.number(value)}; lowest so far {words.number(best)}",
            *([] if planned else ["Over the logged range: the log does not tell how many steps the run will take"]),
        ),
        cause="The student has learned little but the frequencies of tokens, or the number is no perplexity.",
        remedy="See whether the weights move and whether the LM term has a share of the loss.",
        first_step=at,
        last_step=at,
        numbers={"perplexity": value, "limit": t["perplexity"]},
    )


def _still_falls(perplexity: Column, total: float, t: Thresholds) -> bool:
    """Whether the last lies well below the one at half of the way, or before: then the run is short, not stuck."""
    if len(perplexity) < 2 or float(perplexity.step[0]) > t["after"] * total:
        return False
    # the first evaluation after half of the way is compared with the one before it: there is none since
    since = min(t["after"] * total, float(perplexity.step[-2]))
    half = float(np.interp(since, perplexity.step, perplexity.value))
    return perplexity.last < (1 - t["better"]) * half


def _where(at: float, total: float | None) -> str:
    if total is None:
        return f"at step {words.step(at)}"
    return "at the end of the run" if at >= _END * total else f"after {words.percent(at / total)} of the run"


def _perplexity(run: Run) -> Column:
    logged = run.get(names.EVAL_PERPLEXITY)
    if logged is not None:
        known = signals.tidy(logged)
        there = ~np.isnan(known.value)
        return Column(known.step[there], known.value[there])
    loss = run.get(names.EVAL_LM_LOSS)
    if loss is None:
        return Column(np.empty(0), np.empty(0))
    known = signals.finite(signals.tidy(loss))
    return Column(known.step, np.exp(np.minimum(known.value, math.log(1e300))))


RULE = Rule(
    code="R303",
    name="perplexity-too-high",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.EVAL_PERPLEXITY}|{names.EVAL_LM_LOSS}",),
    check=check,
    thresholds={"perplexity": 1000, "after": 0.5, "unplanned": 8, "better": 0.1},
)
