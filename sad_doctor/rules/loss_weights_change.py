"""The weights of the loss change, and the log does not say so

## What it sees
A log of the total and of two to four terms before their weights, and no weights. Up to one record the total is the sum
of its terms by constant weights, to the last digit, and from the next one on by others. All of them so many times
larger or smaller is a warning: a factor of the whole loss. Other weights are a hint: a stage of a schedule does that.
So are weights that the log does tell, where two of them take each other's value from one record to the next. And a
weight that moves throughout, of two terms: divided by one of them, less the other by a constant weight, the total is
a number without any of the batches' noise, which goes one way.

## Why it is bad
The total jumps, or falls, and no term of it does: what looks like a divergence, a spike or progress is a factor. The
gradient changes with it, so that the clip and the optimizer's averages are off from there on.

## Thresholds
None: weights that fit within the printed digits on sixteen records on either side, and miss by a twentieth across, are
no chance. A weight that moves is one whose neighbours lie on a line within 0.003 of its largest, where the noise of the
batches is five times that, and that moves by 0.3 of it.

## Example
```run fires
steps: 1, 2, 3, 4, 5, 6, 7, 8, 9
train/loss: 2.505, 2.495, 2.4, 2.32, 2.52, 2.53, 2.345, 2.365, 2.345
train/raw/kd: 1.42, 1.34, 1.33, 1.13, 1.5, 1.42, 1.27, 1.36, 1.3
train/raw/lm: 3.59, 3.65, 3.47, 3.51, 3.54, 3.64, 3.42, 3.37, 3.39
steps: 10, 11, 12, 13, 14, 15, 16, 17, 18
train/loss: 2.355, 2.355, 2.345, 2.195, 2.275, 2.31, 2.17, 2.24, 2.215
train/raw/kd: 1.21, 1.33, 1.2, 1.18, 1.12, 1.22, 1.15, 1.19, 1.07
train/raw/lm: 3.5, 3.38, 3.49, 3.21, 3.43, 3.4, 3.19, 3.29, 3.36
steps: 19, 20, 21, 22, 23, 24, 25, 26, 27
train/loss: 8.74, 8.64, 9.1, 8.56, 8.44, 8.3, 8.2, 8.3, 8.48
train/raw/kd: 1.12, 1.02, 1.16, 1.08, 1.08, 1.07, 0.93, 1.07, 1.17
train/raw/lm: 3.25, 3.3, 3.39, 3.2, 3.14, 3.08, 3.17, 3.08, 3.07
steps: 28, 29, 30, 31, 32, 33, 34, 35, 36
train/loss: 7.74, 7.78, 7.46, 7.76, 7.42, 8.1, 7.78, 7.82, 7.54
train/raw/kd: 0.82, 0.8, 0.8, 1, 0.92, 0.99, 0.94, 0.87, 0.87
train/raw/lm: 3.05, 3.09, 2.93, 2.88, 2.79, 3.06, 2.95, 3.04, 2.9
```

```run fires
steps: 1, 2, 3, 4, 5, 6, 7, 8, 9
train/loss: 2.2297, 2.2433, 2.1867, 2.2694, 2.3242, 2.315, 2.2619, 2.3128, 2.2325
train/raw/kd: 1.97, 1.86, 1.88, 2.02, 1.83, 1.89, 1.81, 1.7, 1.59
train/raw/lm: 4.35, 4.28, 4.06, 4.09, 4.14, 4, 3.82, 3.87, 3.67
steps: 10, 11, 12, 13, 14, 15, 16, 17, 18
train/loss: 2.3428, 2.39, 2.3367, 2.4633, 2.4233, 2.3125, 2.3056, 2.5233, 2.47
train/raw/kd: 1.54, 1.62, 1.61, 1.56, 1.59, 1.47, 1.43, 1.32, 1.22
train/raw/lm: 3.83, 3.79, 3.6, 3.8, 3.61, 3.4, 3.34, 3.8, 3.72
steps: 19, 20, 21, 22, 23, 24, 25, 26, 27
train/loss: 2.4936, 2.5661, 2.54, 2.4356, 2.4497, 2.54, 2.3083, 2.2756, 2.4075
train/raw/kd: 1.39, 1.37, 1.38, 1.22, 1.15, 1.14, 1.02, 1.06, 1.25
train/raw/lm: 3.52, 3.61, 3.47, 3.38, 3.43, 3.56, 3.2, 3.02, 2.94
steps: 28, 29, 30, 31, 32, 33, 34, 35, 36
train/loss: 2.4039, 2.4125, 2.4533, 2.3531, 2.3511, 2.3908, 2.3089, 2.5233, 2.285
train/raw/kd: 1.04, 1.17, 1.09, 0.95, 0.98, 0.89, 1.01, 0.96, 0.76
train/raw/lm: 3.19, 2.94, 3.09, 3.07, 2.96, 3.15, 2.71, 3.18, 3.05
```

```run quiet
steps: 80
train/loss: 3 -> 2 ~ 0.05
train/raw/kd: 2 -> 1 ~ 0.05
train/raw/lm: 4 -> 3 ~ 0.05
```

## Remedy
Log the weight of each term at each record. See what begins at that step: a resume, a stage, another accumulation,
another number of processes.

```python
record.log(step, {"train/loss": loss, "train/raw/kd": kd, "train/weight/kd": w_kd})
```

## Sources
- Hugging Face's Trainer 4.46, whose loss was a sum over micro-batches where it had been a mean before.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds
from sad_doctor.run import Run


def check(run: Run, _t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the step from which on the weights are others."""
    found = signals.reweighted(run) or signals.exchanged(run)
    if found is None:
        ramp = signals.ramped(run)
        if ramp is not None:
            yield _ramp(ramp)
        return
    pair = found.exchanged
    at = words.step(found.step)
    told = words.listing([_told(term, weight, found.after[term]) for term, weight in found.before.items()])
    factor = "" if found.times is None else _number(found.times)
    yield RULE.finding(
        level=Level.WARNING if factor else Level.INFO,
        headline=(
            f"From step {at} on the loss is {factor} times what it was of the same terms: it alone changes."
            if factor
            else f"From step {at} on the weights of {words.listing(pair)} are each other's: {told}."
            if pair
            else f"From step {at} on the loss is made of its terms by other weights: {told}."
        ),
        evidence=(f"Weights by which the terms make the loss: {told}",),
        cause=(
            "A factor of the whole loss changes: the accumulation, the processes, what it is divided by; the gradient "
            "changes with it, unless only the printing does."
            if factor
            else "One number is read by two conventions, such as alpha for KD and alpha for the labels; or a schedule "
            "means it."
            if pair
            else "A schedule or a stage sets other weights there, and they are not logged."
        ),
        remedy="See what begins at that step, a resume, a stage, another accumulation; log the weights.",
        first_step=found.step,
        last_step=run.last_step,
        numbers={"step": found.step, "times": found.times or 0.0},
    )


def _ramp(ramp: signals.Ramped) -> Finding:
    first, last = words.number(ramp.first), words.number(ramp.last)
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The loss is {words.number(ramp.constant)} times {ramp.beside} plus {ramp.term} times a weight that goes "
            f"from {first} to {last} and is not logged."
        ),
        evidence=("By these weights the terms make the loss, to the noise of no batch",),
        cause="A schedule or a factor that counts steps, and may be meant: then what is said of the total's fall is "
        "said of the weight as well.",
        remedy="Log the weight of each term, and see that it ends where it is meant to.",
        first_step=ramp.step,
        last_step=ramp.end,
        numbers={"first": ramp.first, "last": ramp.last},
    )


def _told(term: str, before: float, after: float) -> str:
    one, other = _number(before), _number(after)
    return f"{term} {one} as before" if one == other else f"{term} {one}, then {other}"


def _number(weight: float) -> str:
    """A weight that was fitted to printed digits, to three of its own and four behind the point."""
    return words.number(round(float(f"{weight:.3g}"), 4))


RULE = Rule(
    code="R224",
    name="loss-weights-change",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.LOSS, names.RAW),
    check=check,
)
