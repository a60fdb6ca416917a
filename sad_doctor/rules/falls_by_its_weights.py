"""The loss falls by its weights alone

## What it sees
The total surely falls from the first third of the records to the last, and would not have fallen had the weights stayed
as they were in the first third: the terms before their weights, summed with those weights, keep their level.

In a log without weights: the training's label loss falls by far more than the evaluation's, while the totals of the two
go together. That is a hint.

## Why it is bad
A curriculum or an annealed weight lowers the total without one weight of the model moving. The curve looks like
learning, an early stop and the "best" checkpoint follow it, and the terms stand still.

## Thresholds
- `falls = 0.1`: the share by which the total must surely fall.
- `kept = 0.35`: with the first weights it would surely have fallen by less than this share of that.
- `records = 60`: fewest records with all terms and weights.

## Example
```run fires
steps: 200
train/loss: 12 -> 7 ~ 0.05
train/raw/kd: 5 ~ 0.05
train/weight/kd: 2 -> 1
train/raw/lm: 2 ~ 0.02
train/weight/lm: 1
```

```run quiet
steps: 200
train/loss: 12 -> 6.5 ~ 0.05
train/raw/kd: 5 -> 2.5 ~ 0.05
train/weight/kd: 2 -> 1.8
train/raw/lm: 2 ~ 0.02
train/weight/lm: 1
```

## Remedy
Watch the terms before their weights, and let early stopping watch the label loss of held-out text. Then find out why
the terms stand still.

```toml
[train]
learning_rate = 1e-3
```

## Sources
- The failed runs this project starts from: a curriculum moved the total between 19.97 and 28.34 with frozen weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew, require
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals import Beside
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the weights alone explain the fall."""
    raw, weights = run.terms(names.RAW), run.terms(names.WEIGHT)
    moved = signals.weight_moves(run, signals.beside(run))
    if moved is not None:
        yield _untold(moved)
        return
    both = {term: column for term, column in raw.items() if term in weights}
    if not both or signals.parts(run).source in ("raw", "weighted and raw"):
        raise TooFew("the log does not tell the terms before their weights, and the weights")
    step, values = signals.table({**{f"r{n}": c for n, c in both.items()}, **{f"w{n}": weights[n] for n in both}})
    require(step.size, t["records"], "record", "with all terms and weights")
    third = step.size // 3
    fixed: Floats = np.zeros(step.size)
    moving: Floats = np.zeros(step.size)
    for term in both:
        value, weight = values[f"r{term}"], values[f"w{term}"]
        fixed = fixed + value * float(median(weight[:third]))
        moving = moving + value * weight
    known = np.isfinite(fixed) & np.isfinite(moving)
    total, held = (signals.ends(Column(step[known], v[known]), skip=0) for v in (moving, fixed))
    if total is None or held is None:
        raise TooFew("too few finite records")
    fell, kept = signals.gain(*total), signals.gain(*held)
    level = abs(float(median(total[0])))
    yield Reading("fall of the total, as a share", fell.amount / level if level else float("nan"), "falls")
    yield Reading("of that, with the first weights", kept.amount / fell.amount if fell.amount else float("nan"), "kept")
    if fell.surely_above(t["falls"] * level) and kept.surely_below(t["kept"] * fell.amount, sigmas=2):
        yield _finding(step, total, held, both, values)


def _untold(label: Beside) -> Finding:
    first, last = (words.number(float(v)) for v in (label.training[0], label.training[-1]))
    begin, end = (words.number(float(v)) for v in (label.evaluation[0], label.evaluation[-1]))
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The loss falls by a weight: the training's label loss goes from {first} to {last}, and the evaluation's "
            f"before its weight from {begin} to {end} only, while the two totals go together."
        ),
        evidence=(f"Its ratio to the evaluation's becomes {words.number(float(np.exp(label.drift)), 3)} of the first",),
        cause="The weight of the label loss is lowered over the run, in training and at the evaluation.",
        remedy="Log the weights. Judge the terms before their weights and the held-out label loss.",
        first_step=float(label.step[0]),
        last_step=float(label.step[-1]),
        numbers={"times": float(np.exp(label.drift))},
    )


def _finding(
    step: Floats,
    total: tuple[Floats, Floats],
    held: tuple[Floats, Floats],
    both: dict[str, Column],
    values: dict[str, Floats],
) -> Finding:
    first, last, kept_first, kept_last = (float(median(v)) for v in (*total, *held))
    moved = {term: (values[f"w{term}"][0], values[f"w{term}"][-1]) for term in both}
    lines = [
        f"Weight of {term}: {words.number(float(a))}, later {words.number(float(b))}"
        for term, (a, b) in moved.items()
        if a != b
    ]
    return RULE.finding(
        headline=(
            f"The loss falls from {words.number(first)} to {words.number(last)} by its weights, and hardly by its "
            f"terms: with the weights of the beginning it goes from {words.number(kept_first)} to "
            f"{words.number(kept_last)}."
        ),
        evidence=tuple(lines[:6]) or ("The weights vary from record to record",),
        cause="A curriculum or an annealed weight lowers the total; the terms keep their level.",
        remedy="Judge the terms before their weights and the held-out label loss; find out why they stand still.",
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers={"first": first, "last": last, "held_first": kept_first, "held_last": kept_last},
    )


RULE = Rule(
    code="R211",
    name="falls-by-its-weights",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}",),
    check=check,
    thresholds={"falls": 0.1, "kept": 0.35, "records": 60},
)
