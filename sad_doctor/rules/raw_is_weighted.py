"""Values called raw are weighted

## What it sees
Two or more values logged as raw sum to the total loss within their printed precision, although the weights are not all
1. Without any weight in the log it is only a hint: then every weight may be 1.

## Why it is bad
Whoever reads a weighted value as raw is wrong by the weight. A layerwise value of 160.5575 called raw, under a weight
of 0.05, is a true raw value of 3,211: a sign of states that were never normalised, where 160 looked like a weight
to be tuned. And a raw value that falls because its weight does is taken for learning.

## Thresholds
- `weight = 0.01`: how far from 1 a weight must be to count. Nine of ten steps must sum, and
  `records = 2` of them at least.

## Example
```run fires
steps: 21700, 21800
train/loss: 177.1419, 177.1419
train/raw/layerwise: 160.5575, 160.5575
train/raw/kd: 16.5844, 16.5844
train/weight/layerwise: 0.05, 0.05
train/weight/kd: 0.7, 0.7
```

```run quiet
steps: 50
train/loss: 8 -> 4
train/raw/layerwise: 2 -> 1
train/weight/layerwise: 0.5
train/raw/kd: 7 -> 3.5
train/weight/kd: 1
```

## Remedy
Log a term before its weight, the weight, and their product under three names; `sad train` writes `train/raw/`,
`train/weight/` and `train/weighted/`. Until then read these values as weighted; the doctor does.

## Sources
- The failed runs this project starts from: "Raw loss components" that sum to the logged total of 177.1419.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run


def check(run: Run, t: Thresholds) -> Iterator[Finding]:
    """Yield one finding when raw values sum to the total against the weights, or without any known."""
    raw, total = run.terms(names.RAW), run.get(names.LOSS)
    if total is None or not signals.sums_to(raw, total):
        return
    step, values = signals.table({**raw, "": signals.tidy(total)})
    if step.size < t["records"]:
        raise TooFew("the total and the values called raw have only one step in common")
    if not np.isfinite(np.sum(list(values.values()), axis=0)).any():
        raise TooFew("the values called raw are too large to be added")
    counted = [term for term, v in values.items() if term and (v != 0).any()]
    weights = _weights(run, counted, float(step[-1]))
    at = _most_misleading(values, weights)
    parts = {term: float(values[term][at]) for term in counted}
    if len(counted) < 2 or (len(weights) == len(counted) and not _differ(weights, t)):
        return
    if not _differ(weights, t) and any(_same(raw[term], run.get(names.WEIGHTED + term)) for term in counted):
        return  # logged under both names: a weight of 1
    yield _finding(parts, weights, float(step[at]), float(values[""][at]), step.size, t)


def _most_misleading(values: Mapping[str, Floats], weights: Mapping[str, float]) -> int:
    """The place at which the values called raw lie furthest below the true ones; without weights the last one."""
    errors = [values[term] * abs(1 / w - 1) for term, w in weights.items() if w > 0]
    known = np.flatnonzero(np.isfinite(np.sum(list(values.values()), axis=0)))
    missing = np.sum(errors, axis=0)[known] if errors else np.zeros(known.size)
    return int(known[np.argmax(missing)]) if missing.any() else int(known[-1])


def _weights(run: Run, terms: list[str], at: float) -> dict[str, float]:
    known = {term: run.get(names.WEIGHT + term) for term in terms}
    return {term: _in_force(signals.tidy(c), at) for term, c in known.items() if c is not None}


def _in_force(weight: Column, at: float) -> float:
    until = weight.value[weight.step <= at]
    return float(until[-1]) if until.size else float(weight.value[0])


def _differ(weights: Mapping[str, float], t: Thresholds) -> bool:
    return any(abs(w - 1) > t["weight"] for w in weights.values())


def _same(raw: Column, weighted: Column | None) -> bool:
    return weighted is not None and signals.tidy(raw).last == signals.tidy(weighted).last


def _finding(
    parts: Mapping[str, float], weights: Mapping[str, float], at: float, total: float, count: int, t: Thresholds
) -> Finding:
    sure = _differ(weights, t)
    lines = [f"{' + '.join(words.number(v) for v in parts.values() if v)} = {words.number(sum(parts.values()))}"]
    true = {term: parts[term] / w for term, w in weights.items() if abs(w - 1) > t["weight"] and w > 0}
    lines += [
        f"{term}: {words.number(parts[term])} is weighted; its weight is {words.number(weights[term])}, "
        f"so the raw value is {words.number(value)}"
        for term, value in true.items()
    ]
    what = "values called raw" if sure else "parts logged without a weight"
    doubt = "." if sure else ", or every weight is 1."
    return RULE.finding(
        level=Level.WARNING if sure else Level.INFO,
        headline=(
            f"The {what} sum to the total ({words.number(total)} at step {words.step(at)}): they are "
            f"weighted already{doubt}"
        ),
        evidence=(*lines, f"Compared at {count:,} step{'s' if count > 1 else ''}"),
        cause="The log takes the terms after their weights and names them raw.",
        remedy="Read them as weighted values; log the raw value, the weight and the product under three names.",
        first_step=None,
        last_step=at,
        numbers={"total": total, **{f"raw_{term}": value for term, value in true.items()}},
    )


RULE = Rule(
    code="R205",
    name="raw-is-weighted",
    level=Level.WARNING,
    hint=Hint.BESIDE,
    page=__doc__,
    needs=(names.LOSS, names.RAW),
    check=check,
    thresholds={"weight": 0.01, "records": 2},
)
