"""Few positions are compared

## What it sees
The share of the student's target positions at which both tokenizations have a common boundary, in the median of the
recent records, below a half; or the share of the teacher's probability mass that the student's vocabulary can take,
in the evaluation, below a half.

## Why it is bad
KD and the layerwise terms look only at compared positions. What is left out is not left out at random: long and rare
words, numbers, other scripts; the student is taught on the easy part and drifts on the rest. Mass that has no token in
the student's vocabulary makes its targets another distribution than the teacher's.

## Thresholds
- `coverage = 0.5`: two tokenizers of one language have 60 to 95% of their boundaries in common; one tokenizer has all.
- `none = 0.1`: below it there is nothing to speak of, and it is an error: the spans are of other text.
- `mass = 0.5`: the share of the teacher's mass that the student can take.
- `records = 3`: fewest records.

## Example
```run fires
steps: 50
train/coverage: 0.31 ~ 0.02
train/raw/kd: 4 -> 3
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
        middle = float(np.median(late))
        yield Reading(name, middle, limit)
        if middle < t[limit]:
            yield _finding(known, middle, t, limit, what)
    if not judged:
        raise TooFew(f"fewer than {t['records']:g} records of the coverage")


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
    needs=(f"{names.COVERAGE}|{names.EVAL_MAPPED}",),
    check=check,
    thresholds={"coverage": 0.5, "none": 0.1, "mass": 0.5, "records": 3},
)
