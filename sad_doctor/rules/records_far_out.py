"""The teacher is another one in some records

## What it sees
Single records, three or more and fewer than a third, in which the teacher's loss, its entropy or the coverage stands
far outside of the records about it, while the label loss does not. The terms that do so too are told with it. Whether
the value is the same to the last digit each time, or the entropy of a distribution that is flat, is told as well.

## Why it is bad
A teacher at rest answers alike: its entropy differs by little from batch to batch. Where it is far off and the label
loss is where it was, the text is not the reason; the answer is. An overflow in half precision that `nan_to_num` makes
flat, an answer that came too late and was replaced by zeros, a cache that misses, a batch of another order. A student
learns these answers as well as the others.

## Thresholds
- `sigmas = 10`: robust deviations from the median of the records about one. `fewest = 3`, `most = 0.33`: how many
  records, and what share of all. `label = 5`: so far the label loss may be from its own level there.
- `records = 40`: fewest records.

## Example
```run fires
steps: 40
train/teacher_entropy: 3.4 ~ 0.02
steps: 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53
train/teacher_entropy: 3.4, 3.41, 5.5, 3.39, 3.4, 3.42, 3.38, 3.4, 5.5, 3.4, 3.41, 3.39, 5.5
```

```run quiet
steps: 60
train/teacher_entropy: 3.4 ~ 0.05
```

## Remedy
Print the teacher's logits of such a batch: infinities before a `nan_to_num`, zeros, another batch's. Run the teacher in
bfloat16 or float32; raise an error in place of a replacement.

## Sources
- Public reports of float16 teachers whose logits overflow, and of infinities that are replaced on the way to the loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY, names.COVERAGE)
"""Numbers of what does not learn, whose level moves by the texts only."""

_FLAT = 0.002
"""An entropy is that of a flat distribution within this share."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the series with the most such records."""
    series = signals.per_batch(run, int(t["records"]))
    coverage = run.get(names.COVERAGE)
    if coverage is not None:
        series[names.COVERAGE] = signals.finite(signals.tidy(coverage))
    label = {name: column for name, column in series.items() if names.term_of(name) in names.ANCHORS}
    mine = {name: column for name, column in series.items() if name in _TEACHERS and len(column) >= t["records"]}
    if not mine:
        raise TooFew(f"fewer than {t['records']:g} records of the teacher's numbers")
    out = {name: column.step[signals.outlying(column, t["sigmas"])] for name, column in mine.items()}
    of_text: set[float] = set()
    if any(steps.size for steps in out.values()):
        of_text = {float(step) for c in label.values() for step in c.step[signals.outlying(c, t["label"])].tolist()}
    found = {}
    for name, steps in out.items():
        own = steps[~np.isin(steps, sorted(of_text))]
        if max(1.0, t["fewest"]) <= own.size <= t["most"] * len(mine[name]):
            found[name] = own
    yield Reading("series with records far out", float(len(found)))
    if found:
        first = max(found, key=lambda name: (name == names.TEACHER_ENTROPY, found[name].size))
        others = {name: c.step[signals.outlying(c, t["label"])] for name, c in series.items() if name != first}
        with_it = [name for name, steps in others.items() if np.isin(found[first], steps).mean() > 0.5]
        yield _finding(run, first, mine[first], found[first], with_it)


def _finding(run: Run, name: str, column: Column, steps: np.ndarray, with_it: list[str]) -> Finding:
    value = column.value[np.isin(column.step, steps)]
    level, out = float(median(column.value)), float(median(value))
    same = float(np.ptp(value)) <= 1e-5 * abs(out)
    size = run.fact(names.VOCABULARY_SIZE)
    flat = name == names.TEACHER_ENTROPY and size is not None and size > 1 and abs(out / math.log(size) - 1) < _FLAT
    told = list(dict.fromkeys(map(words.called, with_it)))
    return RULE.finding(
        headline=(
            f"In {steps.size} of {len(column):,} records {words.called(name)} stands far out, at "
            f"{words.number(out)} against {words.number(level)}"
            + (f": that is ln({size:g}), a flat distribution." if flat and size else ".")
        ),
        evidence=(
            f"At {words.steps(steps.tolist())}",
            *(["The same to the last digit each time: it is set and not measured"] if same else []),
            *([f"With it: {words.listing(told[:4])}"] if told else []),
        ),
        cause=(
            "The teacher's answer is replaced there by one that is flat: masked overflow, zeros, a cache that misses."
            if flat or same
            else "The teacher's answer is another one there: overflow, a cache that misses, another batch's answer."
        ),
        remedy="Print the teacher's logits of such a batch; raise an error in place of nan_to_num.",
        first_step=float(steps[0]),
        last_step=float(steps[-1]),
        numbers={"records": float(steps.size), "out": out, "level": level},
    )


RULE = Rule(
    code="R412",
    name="records-far-out",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(
        f"{names.TEACHER_LOSS}|{names.TEACHER_ENTROPY}|{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}|{names.COVERAGE}",
    ),
    check=check,
    thresholds={"sigmas": 10, "fewest": 3, "most": 0.33, "label": 5, "records": 40},
)
