"""Few positions are compared

## What it sees
The share of the student's target positions at which both tokenizations have a common boundary, in the median of the
recent records, below a half; or the share of the teacher's probability mass that the student's vocabulary can take,
in the evaluation, below a half. Or the labels that count in a step, of which in the median of the last third hardly
any are left of what there were in the first records.

## Why it is bad
KD and the layerwise terms look only at compared positions. What is left out is not left out at random: long and rare
words, numbers, other scripts; the student is taught on the easy part and drifts on the rest. Mass that has no token in
the student's vocabulary makes its targets another distribution than the teacher's.

## Thresholds
- `coverage = 0.5`: two tokenizers of one language have 60 to 95% of their boundaries in common; one tokenizer has all.
- `none = 0.1`: below it there is nothing to speak of, and it is an error: the spans are of other text.
- `mass = 0.5`: the share of the teacher's mass that the student can take.
- `records = 3`: fewest records. `left = 0.1`: the share of the labels that is left, of 12 records and more.

## Example
```run fires
steps: 50
train/coverage: 0.31 ~ 0.02
train/raw/kd: 4 -> 3
```

```run fires
steps: 20
train/labels: 500 ~ 20
steps: 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
train/labels: 3, 4, 3, 3, 2, 3, 4, 3, 3, 3
```

```run quiet
steps: 50
train/coverage: 0.86 ~ 0.01
train/raw/kd: 4 -> 3
```

## Remedy
Look at a text with its common boundaries marked. Below a tenth, compare the text of both sides first: a normaliser, a
chat template, a BOS or a prefix space on one side only. Else choose a student whose tokenizer is nearer, or let the
label loss carry more.

```toml
[terms.lm]
weight = 1.0
```

## Sources
- Phan et al. 2024, "Exact Byte-Level Probabilities from Tokenized Language Models", arXiv 2410.09303, on what remains.
- The failed runs this project starts from: one text was 168 tokens for one model and 160 for the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_FEWEST, _FIRST = 12, 5


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the compared positions, one for the mass."""
    judged = 0
    for name, limit, what in (
        (names.COVERAGE, "coverage", "of the student's positions are compared"),
        (names.EVAL_MAPPED, "mass", "of the teacher's probability has a token in the student's vocabulary"),
    ):
        column = run.get(name)
        known = None if column is None else signals.finite(signals.tidy(column))
        if known is None or len(known) < (t["records"] if name == names.COVERAGE else 1):
            continue
        judged += 1
        late = known.value[len(known) // 2 :]
        middle = float(median(late))
        yield Reading(name, middle, limit)
        if middle < t[limit]:
            yield _finding(known, middle, t, limit, what)
    labels = run.get(names.LABELS)
    known = None if labels is None else signals.finite(signals.tidy(labels))
    if known is not None and len(known) >= _FEWEST:
        judged += 1
        first, last = (float(median(part)) for part in (known.value[:_FIRST], known.value[-(len(known) // 3) :]))
        yield Reading("share of its first labels that a step has at the end", last / first if first else 1.0, "left")
        if last < t["left"] * first:
            yield _labels(known, first, last)
    if not judged:
        raise TooFew(f"fewer than {t['records']:g} records of the coverage, or {_FEWEST} of the labels")


def _labels(known: Column, first: float, last: float) -> Finding:
    at = float(known.step[int(np.argmax(known.value < (first * last) ** 0.5))])
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"Hardly a label counts from step {words.step(at)} on: {words.number(last)} in a step, "
            f"{words.number(first)} at the beginning."
        ),
        evidence=(words.spread(known.value.tolist(), "record"),),
        cause="A mask, a template or a cut takes nearly all labels: the loss is the mean of a few tokens.",
        remedy="Print the labels of one batch from before and one from after that step, and how they were masked.",
        first_step=at,
        last_step=float(known.step[-1]),
        numbers={"first": first, "last": last},
    )


def _finding(known: Column, middle: float, t: Thresholds, limit: str, what: str) -> Finding:
    none = middle < t["none"]
    return RULE.finding(
        level=Level.ERROR if none else Level.WARNING,
        headline=f"Only {words.percent(middle)} {what}.",
        evidence=(
            f"{words.spread(known.value.tolist(), 'record', words.percent)}; "
            f"wanted is {words.percent(t[limit])} or more",
        ),
        cause=(
            "The spans are of other text on the two sides: a normaliser, a template, a BOS or a prefix space."
            if none
            else "The two tokenizers cut the text very differently."
        ),
        remedy="Look at one text with its common boundaries marked; choose a nearer tokenizer or a larger label loss.",
        first_step=float(known.step[0]),
        last_step=float(known.step[-1]),
        numbers={limit: middle},
    )


RULE = Rule(
    code="R213",
    name="covers-little",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.COVERAGE}|{names.EVAL_MAPPED}|{names.LABELS}",),
    check=check,
    thresholds={"coverage": 0.5, "none": 0.1, "mass": 0.5, "records": 3, "left": 0.1},
)
