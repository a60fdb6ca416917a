"""A loss lies below its floor

## What it sees
A KL divergence or a label loss below zero, in training before its weight or in the evaluation. A divergence of two
distributions and a cross-entropy against tokens are never negative; the mean of a sampled estimate of a KL can be, now
and then.

## Why it is bad
A negative value proves that what is compared are no distributions: probabilities in place of log-probabilities, a
softmax over another axis or over a part of the vocabulary, weights that do not sum to 1, top-k teacher probabilities
that are not renormalised, a sign. The optimizer goes on below the floor: it makes the error larger, not the student
better.

## Thresholds
- `below = 0.01`: so far below zero, in nats; rounding stays above.
- `often = 0.5`: from this share of the records on it is an error; `sometimes = 0.2`: from this one on a warning, as a
  sampled estimate has single batches below zero.
- `records = 3`: fewest records.

## Example
```run fires
steps: 100
train/raw/kd: 0.4 -> -2
train/raw/lm: 4 -> 3
```

```run quiet
steps: 100
train/raw/kd: 1.4 -> 0.02
train/raw/lm: 4 -> 3
```

## Remedy
Take `log_softmax` of both sides in float32 over the same vocabulary, and check on one batch that the KL of a model with
itself is 0. `sad verify` does.

```toml
[terms.kd]
divergence = "forward_kl"
```

## Sources
- Gibbs' inequality. DistillKit and TRL issues on top-k logits that are not renormalised.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_EVALUATED = (names.EVAL_LM_LOSS, names.EVAL_KL)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the series that lies deepest below zero."""
    worst: tuple[float, str, Column] | None = None
    judged = _judged(run, t)
    if not judged:
        raise TooFew("too few values of a KL or of a label loss before its weight")
    for name, column in judged.items():
        share = float(np.mean(column.value < -t["below"]))
        yield Reading(f"share of the records of {name} below zero", share, "often")
        if share > 0 and share >= t["sometimes"] and (worst is None or share > worst[0]):
            worst = share, name, column
    if worst is not None:
        yield _finding(*worst, t)


def _judged(run: Run, t: Thresholds) -> dict[str, Column]:
    weights = run.terms(names.WEIGHT)
    products = signals.parts(run).source in ("raw", "weighted and raw")  # called raw, and weighted
    found = {}
    for prefix in (names.RAW, names.UNWEIGHTED, names.EVAL_RAW, names.WEIGHTED):
        for term, column in run.terms(prefix).items():
            weighed = prefix == names.WEIGHTED or (products and prefix == names.RAW and not weights)
            signed = weighed and (
                bool(np.any(weights[term].value < 0))
                if term in weights
                else not bool(np.any(column.value > t["below"]))
            )  # no weight of one sign turns a series from above zero to below it
            if (term == names.KD or term in names.ANCHORS) and not signed:
                found[prefix + term] = column
    found |= {name: run.columns[name] for name in _EVALUATED if run.get(name) is not None}
    known = {name: signals.finite(signals.tidy(column)) for name, column in found.items()}
    return {name: column for name, column in known.items() if len(column) >= t["records"]}


def _finding(share: float, name: str, column: Column, t: Thresholds) -> Finding:
    below = column.value < -t["below"]
    lowest = int(np.argmin(column.value))
    first = float(column.step[below][0])
    what = words.called(name)
    return RULE.finding(
        level=Level.ERROR if share >= t["often"] else Level.WARNING,
        headline=(
            f"{words.capital(what)} is below zero, where it cannot be: {words.number(float(column.value[lowest]))} at "
            f"step {words.step(column.step[lowest])}."
        ),
        evidence=(
            f"Below zero in {int(below.sum()):,} of {len(column):,} records, first at step {words.step(first)}",
            f"Median {words.number(float(median(column.value)))}",
        ),
        cause=(
            "What is compared are no distributions over one vocabulary: probabilities for log-probabilities, another "
            "axis, top-k without renormalisation; or a sign."
        ),
        remedy="Use log_softmax in float32 on both sides over the same tokens; a model's KL with itself must be 0.",
        first_step=first,
        last_step=float(column.step[below][-1]),
        numbers={"lowest": float(column.value[lowest]), "share": share},
    )


RULE = Rule(
    code="R206",
    name="kd-below-its-floor",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}|{names.EVAL_RAW}|{names.EVAL_LM_LOSS}|{names.EVAL_KL}",),
    check=check,
    thresholds={"below": 0.01, "often": 0.5, "sometimes": 0.2, "records": 3},
)
