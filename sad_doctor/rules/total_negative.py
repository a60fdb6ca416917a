"""The loss is below zero

## What it sees
A training loss, or an evaluation's, that is below zero in a good part of the records, and that came down there from
above zero, or was there from the first record on. Where the other of the two is as large and above zero all along, one
of them has its sign turned, and that is a warning.

## Why it is bad
A cross-entropy and a KL are never negative, nor are squared errors. A total below zero holds a term with a wrong sign,
a KL of numbers that are no distributions, or a division by a negative count; minimised, it has no floor and the student
goes wherever that leads. Log-likelihoods of densities may rightly be negative, so this is a hint; a log with rewards is
left out, for the loss of a policy has no floor.

## Thresholds
- `often = 0.2`: the share of the records below zero. `below = 0.01`: how far below zero counts. `records = 10`: fewest.
- `evaluations = 3`: fewest of an evaluation. `alike = 0.3`: how near the sizes of the two must be for a turned sign.

## Example
```run fires
steps: 40
train/loss: 2 -> -3 ~ 0.1
```

```run quiet
steps: 40
train/loss: 2 -> 0.02 ~ 0.01
```

## Remedy
Log each term with its weight, and look for the one that is negative. For `F.kl_div` the first argument is a logarithm
of probabilities and the second one probabilities, unless `log_target=True`.

## Sources
- axolotl, issue 2692: a KD loss that is divided by a count of -1. PyTorch's documentation of `KLDivLoss`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the first loss that is below zero."""
    if signals.rewarded(run):
        raise TooFew("the log has rewards: the loss of a policy has no floor at 0")
    fewest = {names.LOSS: t["records"], names.EVAL_LOSS: t["evaluations"], names.EVAL_LM_LOSS: t["evaluations"]}
    told = {name: signals.finite(signals.tidy(column)) for name in fewest if (column := run.get(name)) is not None}
    told = {name: column for name, column in told.items() if len(column) >= fewest[name]}
    if not told:
        raise TooFew(f"fewer than {t['records']:g} records of the loss")
    for name, column in told.items():
        below = column.value < -t["below"]
        share = float(np.mean(below))
        yield Reading(f"share of the records of {name} below zero", share, "often")
        if share >= t["often"] and share > 0:
            other = names.EVAL_LOSS if name == names.LOSS else names.LOSS
            yield _finding(name, column, below, name != names.EVAL_LM_LOSS and _turned(column, told.get(other), t))
            return


def _turned(column: Column, other: Column | None, t: Thresholds) -> bool:
    """Whether all of it is below zero, all of the other above, and their sizes at the beginning are the same."""
    if other is None or not len(other) or bool(np.any(column.value >= 0)) or bool(np.any(other.value <= 0)):
        return False
    first, second = abs(float(column.value[0])), float(other.value[0])
    return abs(first - second) < t["alike"] * max(first, second)


def _finding(name: str, column: Column, below: NDArray[np.bool_], turned: bool) -> Finding:
    first = float(column.step[below][0])
    return RULE.finding(
        level=Level.WARNING if turned else Level.INFO,
        headline=(
            f"{words.capital(words.called(name))} is below zero in {int(below.sum()):,} of {len(column):,} records, "
            f"{words.number(column.last)} at the end"
            + (
                ", and the other one is as large above zero: a sign is turned."
                if turned
                else ": no cross-entropy, KL or squared error is."
            )
        ),
        evidence=(f"Below zero first at step {words.step(first)}; lowest {words.number(float(column.value.min()))}",),
        cause=(
            "It is written as a score or a reward, with a minus; or the step follows the wrong sign."
            if turned
            else "A term has the wrong sign, is no KL of two distributions, or is divided by a negative count."
        ),
        remedy=(
            "Write the loss that `backward` is called on, in both."
            if turned
            else "Log each term with its weight, and look for the one that is negative."
        ),
        first_step=first,
        last_step=float(column.step[-1]),
        numbers={"share": float(np.mean(below)), "lowest": float(column.value.min())},
    )


RULE = Rule(
    code="R218",
    name="total-negative",
    level=Level.WARNING,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.EVAL_LOSS}|{names.EVAL_LM_LOSS}",),
    check=check,
    thresholds={"often": 0.2, "below": 0.01, "records": 10, "evaluations": 3, "alike": 0.3},
)
