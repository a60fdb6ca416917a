"""The loss is finite, its gradient is not

## What it sees
A gradient norm of NaN or infinity at steps whose loss is finite, and not exactly 0; or in a log without a loss. The
first records of a run are excused, as long as finite ones follow: a dynamic loss scale in float16 finds its size by
overflowing. Later it tries a larger one every so often, so single records far apart are only a hint.

## Why it is bad
The loss curve looks healthy while every such step either destroys the weights or is thrown away. If it goes on, nothing
is learned. The usual places are the square root of 0, a division by a norm of 0, a masked softmax whose row is masked
whole: the value is fine, the derivative is not.

## Thresholds
- `excused = 10`: so many of the first records may be non-finite.
- `records = 3`: from so many others on it is an error, below a warning.
- `rare = 0.01`: single records, none beside another, that are no more than this share of all are a hint; so is one
  among `few = 20` records or more.

## Example
```run fires
steps: 30
train/loss: 9 -> 8
train/grad_norm: nan
```

```run fires
steps: 5000, 5001, 5002
train/grad_norm: nan
```

```run quiet
steps: 6
train/loss: 9 -> 8
train/grad_norm: inf, inf, 4.2, 3.9, 3.3, 2.8
```

## Remedy
Find the term with `torch.autograd.set_detect_anomaly(True)` on the batch in question. Add a floor inside the square
root or the norm; leave fully masked rows out before the softmax; use bf16 in place of float16.

```toml
[train]
precision = "bf16"
```

## Sources
- transformers and trl issues on losses that are finite beside `grad_norm: nan`; PyTorch's notes on `where` and NaN.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding."""
    norms, losses = run.get(names.GRAD_NORM), run.get(names.LOSS)
    if norms is None:
        return
    norm = signals.tidy(norms)
    step = known = norm.step
    if losses is not None:
        fine = signals.finite(signals.tidy(losses))
        known = fine.step[fine.value != 0]  # a loss of exactly 0 may be a hidden NaN: not finite
    beside = np.ones(step.size, bool) if np.array_equal(step, known) else np.isin(step, known)
    if not beside.any():
        raise TooFew("loss and gradient norm were never logged at the same step")
    bad = ~np.isfinite(norm.value) & beside
    if _begins(norm, t):
        start = int(np.argmax(np.isfinite(norm.value)))
        bad[: start if start <= t["excused"] else 0] = False
        if bad.all() and len(norm) < t["records"]:
            raise TooFew("too few records of the gradient norm: a loss scale may still be finding its size")
    count = int(bad.sum())
    yield Reading("records with a finite loss and no finite norm", count, "records")
    if count:
        since = run.first_step if bad.all() else float(step[bad][0])
        alone = not bool(np.any(bad[1:] & bad[:-1])) and count <= max(len(norm) >= t["few"], t["rare"] * len(norm))
        level = Level.INFO if alone else Level.ERROR if count >= t["records"] else Level.WARNING
        while_finite = "" if losses is None else " while the loss is finite"
        yield _finding(Column(step[bad], norm.value[bad]), len(norm), level, since, while_finite)


def _begins(norm: Column, t: Thresholds) -> bool:
    """Whether the log begins with the run, and not with a later part of it."""
    if len(norm) < 2:
        return True
    return float(norm.step[0]) <= max(1.0, t["excused"] * float(median(np.diff(norm.step))))


def _finding(bad: Column, records: int, level: Level, since: float, beside: str) -> Finding:
    steps = bad.step.tolist()
    return RULE.finding(
        level=level,
        headline=(
            f"The gradient norm is {words.number(bad.value[0])} at step {words.step(steps[0])}{beside}, in "
            f"{len(bad):,} of {records:,} records."
        ),
        evidence=(f"At {words.steps(steps)}",),
        cause=(
            "Most often the loss scale of float16, which tries a larger size now and then and skips the step."
            if level == Level.INFO
            else "A derivative without bound: a square root or norm at 0, a row masked whole, or float16 overflow."
        ),
        remedy=(
            "Nothing in float16; else run that batch under torch.autograd.set_detect_anomaly(True)."
            if level == Level.INFO
            else "Run that batch under torch.autograd.set_detect_anomaly(True), floor the root, prefer bf16."
        ),
        first_step=since,
        last_step=steps[-1],
        numbers={"bad_records": float(len(steps)), "records": float(records)},
    )


RULE = Rule(
    code="R402",
    name="non-finite-gradient",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.GRAD_NORM,),
    check=check,
    thresholds={"excused": 10, "records": 3, "rare": 0.01, "few": 20},
)
