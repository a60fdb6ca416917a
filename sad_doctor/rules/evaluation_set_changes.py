"""The evaluations are not of one set

## What it sees
The number of samples of each evaluation, which is its seconds times its samples a second where the log has both: they
differ from one evaluation to another by more than printing explains.

## Why it is bad
Two evaluations compare two students only if both read the same texts. A validation loader that is a generator is used
up after its first pass; one that draws at random, or drops what does not fill a batch, reads others each time. The best
checkpoint is then the one with the easiest texts, and a loss over none is 0 or NaN.

## Thresholds
- `apart = 1.1`: the factor between the largest and the smallest number, beyond their printed precision.
- `evaluations = 3`: fewest evaluations.

A set that is changed on purpose once is told as well, as a hint.

## Example
```run fires
steps: 4 every 50
eval/loss: 5, 4.2, 3.9, 3.8
eval_runtime: 2, 1, 0.5, 0.5
eval_samples_per_second: 100, 100, 100, 100
```

```run quiet
steps: 4 every 50
eval/loss: 5, 4.2, 3.9, 3.8
eval_runtime: 2, 1.6, 2.5, 2
eval_samples_per_second: 100, 125, 80, 100
```

## Remedy
Make the loader of the evaluation anew for each, from a list and in order, and print how many texts it gave.

## Sources
- Python's documentation: a generator gives its values once. Transformers' documentation of `speed_metrics`, which
  divides the samples by the seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run

_SECONDS, _SPEED = "eval_runtime", "eval_samples_per_second"


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one hint where evaluations read different numbers of samples."""
    seconds, speed = (signals.finite(signals.tidy(run.columns[name])) for name in (_SECONDS, _SPEED))
    steps, mine, theirs = signals.shared(seconds.step, speed.step)
    told, fast = seconds.value[mine], speed.value[theirs]
    known = (told > 0) & (fast > 0)
    steps, told, fast = steps[known], told[known], fast[known]
    if steps.size < t["evaluations"]:
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations with their seconds and samples a second")
    samples = Column(steps, told * fast)
    # a printed number lies within half a unit of its last digit, which is the smallest that any of them shows
    blurred = 1 + sum(min(map(signals.unit, v.tolist())) / float(v.min()) for v in (told, fast))
    least, most = float(samples.value.min()), float(samples.value.max())
    yield Reading("most samples of an evaluation over the fewest", most / least, "apart")
    if most <= t["apart"] * blurred * least or most - least < 1:
        return
    at = int(np.argmin(samples.value))
    yield RULE.finding(
        headline=(
            f"The evaluations are not of one set: {most:,.0f} samples in one of them, {least:,.0f} at step "
            f"{words.step(float(steps[at]))}."
        ),
        evidence=(f"{words.counted(steps.size, 'evaluation')}: seconds times samples a second",),
        cause="The loader of the evaluation is used up, draws at random, or was changed.",
        remedy="Make it anew for each evaluation, from a list and in order.",
        first_step=float(steps[0]),
        last_step=float(steps[-1]),
        numbers={"most": most, "least": least},
    )


RULE = Rule(
    code="R322",
    name="evaluation-set-changes",
    level=Level.INFO,
    page=__doc__,
    needs=(_SECONDS, _SPEED, f"{names.EVAL_LOSS}|{names.EVAL_LM_LOSS}|{names.LOSS}"),
    check=check,
    thresholds={"apart": 1.1, "evaluations": 3},
)
