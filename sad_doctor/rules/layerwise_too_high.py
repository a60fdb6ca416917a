"""The layerwise term is above 2.0

## What it sees
A weighted layerwise part above 2.0 at any step. Where the log tells the raw value too, that one decides what this
means: a raw value up to 4.0 can be a distance of normalised states (2 for unrelated states, never above 4) under a
large weight, which is a matter of shares and not of scale, so the rule is quiet. Where the log tells a raw value only,
it must be above 4.0. A raw value above 100 whose weight keeps the part below 2.0 is a warning: the weight hides states
that were never normalised.

## Why it is bad
A mean squared error of raw hidden states has no scale of its own. A few activations of a teacher's residual stream are
thousands of times larger than the rest, mostly at the first position and at delimiters; the error is theirs, the
gradient too, and the student learns a constant instead of the text. Being diluted over the length, it also changes with
the padding. Dividing by batch x length x hidden once more changes nothing: the mean does that already.

## Thresholds
- `weighted = 2`: the alarm of the failed runs' own guide, where 0.01 to 0.10 was wanted.
- `raw = 4`: the bound of a squared distance of states with mean 0 and variance 1.
- `hidden = 100`: a raw value above this is told although its part is small.
- `labels = 25`: nats of a label loss above which all terms are sums over tokens, which other rules tell; guessing costs
  at most 12.5. `small = 0.25`: the share of the loss below which a weighted value alone is a hint, as its weight may be
  what makes it large.

## Example
```run fires
steps: 20 every 100
train/loss: 177
train/weighted/kd: 12
train/weighted/layerwise: 165
```

```run quiet
steps: 20 every 100
train/raw/kd: 7 -> 3
train/weight/kd: 1
train/raw/layerwise: 2.04 -> 0.7
train/weight/layerwise: 1.5
```

## Remedy
Compare normalised states (LayerNorm without parameters on both sides, or the cosine) at common boundaries, as `sad
train` does; the weight then means a share and not a scale:

```toml
[terms.layerwise]
weight = 0.1
```

## Sources
- Sun et al. 2024, "Massive Activations in Large Language Models", arXiv 2402.17762.
- The failed runs this project starts from: 14.2065 to 160.5575 after a weight of 0.05.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds
from sad_doctor.run import Column, Run


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the layerwise term."""
    parts = signals.parts(run)
    if signals.is_summed(run, t["labels"]):
        return
    raw = run.get(names.RAW + names.LAYERWISE)
    logged = parts.terms.get(names.LAYERWISE)
    if parts.source == "raw" or (parts.source == "weighted and raw" and logged is raw):
        raw = None  # the value called raw is the weighted one
    for kind, column in (("weighted", logged), ("raw", raw)):
        if column is not None:
            yield Reading(f"highest layerwise value, {kind}", float(np.max(column.value)), kind)
    if logged is None:
        if raw is not None:
            yield from _finding(run, raw, t["raw"], "raw")
        return
    if raw is None or float(np.max(signals.finite(raw).value, initial=0.0)) > t["raw"]:
        found = list(_finding(run, logged, t["weighted"], "weighted", _level(run, raw, t)))
        if raw is not None and not found:
            found = list(_finding(run, raw, t["hidden"], "raw", Level.WARNING))
        yield from found


def _level(run: Run, raw: Column | None, t: Thresholds) -> Level:
    """A hint where the weight may be what makes it large: the raw value is not told, and the share is small."""
    share = signals.shares(run).get(names.LAYERWISE)
    small = share is not None and float(np.max(share.value)) < t["small"]
    return Level.INFO if raw is None and small else Level.ERROR


def _finding(run: Run, column: Column, limit: float, kind: str, level: Level = Level.ERROR) -> Iterator[Finding]:
    known = signals.finite(signals.tidy(column))
    above = known.value > limit
    if not above.any():
        return
    first, last = float(known.step[above][0]), float(known.step[above][-1])
    worst = int(np.argmax(known.value))
    value, at = float(known.value[worst]), float(known.step[worst])
    share = signals.shares(run).get(names.LAYERWISE)
    part = float("nan") if share is None else share.at(at)
    of_loss = "" if np.isnan(part) else f", {words.percent(part)} of the loss"
    yield RULE.finding(
        level=level,
        headline=(
            f"The layerwise term ({kind}) is {words.number(value)} at step {words.step(at)}, above "
            f"{words.number(limit)}{of_loss}."
        ),
        evidence=(
            f"Above {words.number(limit)} in {int(above.sum()):,} of {words.counted(len(known), 'record')}, "
            f"{words.span(first, last)}",
            words.spread(known.value.tolist(), "record"),
        ),
        cause=(
            "Hidden states compared without normalisation: a few very large activations of the teacher own the error."
        ),
        remedy=(
            "Normalise the states on both sides before comparing them; dividing by batch x length x hidden again "
            "changes nothing."
        ),
        first_step=first,
        last_step=last,
        numbers={"highest": value, "limit": limit},
    )


RULE = Rule(
    code="R202",
    name="layerwise-too-high",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.RAW}{names.LAYERWISE}|{names.WEIGHTED}{names.LAYERWISE}",),
    check=check,
    thresholds={"weighted": 2.0, "raw": 4.0, "hidden": 100.0, "labels": 25.0, "small": 0.25},
)
