"""A term falls to nothing while the label loss does not

## What it sees
KD or another term that falls to a few percent of its first records, while the label loss keeps most of what it began
with. A weight that fades out does the same to a weighted value; where the log tells weights, what is before them is
looked at. So is a term that the log names by itself. An evaluation that begins later is held against KD from there on:
most of its fall may lie before it. Other terms are held against the training's label loss where that begins first.

## Why it is bad
A student that has come so near to its teacher predicts text as well as the teacher does, and its label loss falls with
the KD. If only the term falls, it was made small without the student: a temperature that is learned and grows, a target
that comes to meet the student (a trained projection on the teacher's side, a teacher in the optimizer), values that are
clamped at 0, a KL over a few tokens that are not normalised.

## Thresholds
- `left = 0.03`: the share of its beginning below which the last third of the term must lie. `label = 0.6`: the share
  that the label loss must keep. `records = 30`: fewest records.

## Example
```run fires
steps: 100
train/raw/kd: 1.5 -> 0.3 -> 0.01 -> 0.01 -> 0.01
train/raw/lm: 5.6 -> 5 -> 4.8 ~ 0.1
```

```run quiet
steps: 100
train/raw/kd: 1.5 -> 0.9 -> 0.5 -> 0.3 -> 0.2
train/raw/lm: 5.6 -> 4 -> 3.5 ~ 0.1
```

## Remedy
Compute the KL at a fixed temperature over the whole vocabulary for one held-out batch, at the first checkpoint and at
the last: it must fall as the logged one does. See that nothing on the teacher's side is in the optimizer.

## Sources
- Li et al. 2023, "Curriculum Temperature for Knowledge Distillation", arXiv 2211.16231: a temperature that is learned.
- The failure catalogue of this project: a target that could be trained; KL over the teacher's likeliest tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_FIRST = 3
"""So many records stand for the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term that collapses."""
    told = _label(run)
    terms = {**run.terms(names.RAW), **run.terms(names.UNWEIGHTED), **run.terms(names.WEIGHTED)}
    judged = {term: found for term in sorted(terms) if (found := _series(run, term, t)) is not None}
    judged |= {term: column for term, column in signals.sides(run).items() if len(column) >= t["records"]}
    if not told or not judged:
        raise TooFew("no label loss, or no term beside it with enough records")
    for term, column in judged.items():
        label, few = told[0] if term == names.KD else min(told, key=lambda one: float(one[0].step[0]))
        begun = float(median(label.value[:few]))
        if begun <= 0:
            raise TooFew("the label loss begins at 0")
        kept = float(median(label.value[-max(3, len(label) // 3) :])) / begun
        beside = _beside(column, label)
        first, last = float(median(beside)), float(median(column.value[-(len(column) // 3) :]))
        if not first > 0:
            continue
        yield Reading(f"what {term} keeps of its beginning, as a share", last / first, "left")
        if 0 < last < t["left"] * first and kept > t["label"]:
            yield _finding(term, column, first, last, kept)


def _series(run: Run, term: str, t: Thresholds) -> Column | None:
    if term in names.ANCHORS:
        return None
    found = signals.unweighted(run, [term]) or signals.after_its_weight(run, [term])
    return found[1] if found is not None and len(found[1]) >= t["records"] else None


def _beside(column: Column, label: Column) -> Floats:
    """The values of a term that stand for its beginning: those beside the label loss's, which may begin later."""
    first = int(np.searchsorted(column.step, label.step[0]))
    return column.value[min(first, len(column) - _FIRST) :][:_FIRST]


def _label(run: Run) -> list[tuple[Column, int]]:
    """The label loss of the evaluation, and of the training; and how many of its records stand for its beginning.

    KD is held against the first: a student that comes near its teacher loses most of its KD before the first
    evaluation. Another term that sinks in the first steps does not, and is held against what begins first.
    """
    told = []
    evaluated = run.get(names.EVAL_LM_LOSS)
    if evaluated is not None and len(evaluated) > _FIRST:
        told.append((signals.finite(signals.tidy(evaluated)), 1))  # of many texts: one stands for itself
    found = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    if found is not None and len(found[1]) > 2 * _FIRST and found[1].value[0]:
        told.append((found[1], _FIRST))
    return [(column, few) for column, few in told if len(column)]


def _finding(term: str, column: Column, first: float, last: float, kept: float) -> Finding:
    return RULE.finding(
        headline=(
            f"The term {term} falls from {words.number(first)} to {words.number(last)}, next to nothing, while the "
            f"label loss keeps {words.percent(kept)} of what it began with: it was made small without the student."
        ),
        evidence=(f"{words.counted(len(column), 'record')}; {words.percent(last / first)} of its beginning is left",),
        cause="A temperature or a target that is learned, values that are clamped at 0, or a weight that fades out.",
        remedy="Compute it at a fixed temperature over the whole vocabulary at the first and the last checkpoint.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"first": first, "last": last, "label": kept},
    )


RULE = Rule(
    code="R219",
    name="term-collapses",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}",),
    check=check,
    thresholds={"left": 0.03, "label": 0.6, "records": 30},
)
