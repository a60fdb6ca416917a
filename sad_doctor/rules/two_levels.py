"""A series lies on two levels in turn

## What it sees
Records of a series that fall into two groups with nothing between them: a term, the teacher's loss, its entropy, the
gradient norm. They take turns all along, so that it is neither a break nor a spike. The groups are looked for among two
dozen neighbours at a time, so that a trend does not hide them. Series whose records fall into the same groups are told
together, and those that have one level apart from them.

## Why it is bad
A mean of two kinds of step tells of neither. If the teacher's own numbers, or the terms against it, have two levels and
the label loss has one, two teachers answer in turn, or one in two states: a list of checkpoints of which one is not
trained, a cache that is hit now and then, a mode that is switched, masked overflow. If the label loss and the teacher's
have them together, the batches come from two sources. If only the student's have, its mode or its mask changes.

## Thresholds
- `apart = 6`: the distance of the groups over the spread inside of them. A normal noise has 3.5 at most.
- `blocks = 0.4`: the share of the stretches of 24 records that must have two groups.
- `turns = 8`: how often, at least, the series goes from one to the other.
- `same = 0.9`: the share of records that two series must put into the same groups.

## Example
```run fires
steps: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
train/teacher_entropy: 4.4, 2.8, 2.75, 2.7, 2.7, 2.8, 4.4, 2.8, 2.75, 4.4, 2.75, 4.4, 4.45, 4.4
steps: 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
train/teacher_entropy: 4.45, 2.75, 4.45, 4.45, 4.4, 4.45, 2.8, 2.75, 2.7, 2.75, 4.45, 2.8, 2.75, 4.45
steps: 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42
train/teacher_entropy: 4.45, 4.45, 2.7, 2.8, 4.45, 2.75, 2.75, 2.7, 2.7, 4.4, 4.4, 2.7, 2.75, 2.7
steps: 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56
train/teacher_entropy: 4.4, 2.8, 2.7, 2.75, 4.4, 4.4, 2.7, 2.7, 4.45, 4.45, 2.7, 4.4, 4.45, 2.75
```

```run quiet
steps: 120
train/raw/kd: 2 -> 1 ~ 0.1
```

## Remedy
Log, beside the loss, which teacher, shard or file each batch came from. Compare a batch of either group by hand: its
texts, its mask, the teacher's answer.

## Sources
- Public code for several teachers; Otsu 1979, on the limit between two groups.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Run
from sad_doctor.signals import Levels

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the series whose two levels lie the furthest apart, and those that go with it."""
    series = signals.per_batch(run, 2 * signals.BLOCK)
    if not series:
        raise TooFew(f"fewer than {2 * signals.BLOCK} records of any series")
    known = {name: signals.levels(column, t["apart"], t["blocks"]) for name, column in series.items()}
    found = {name: one for name, one in known.items() if one is not None and one.turns >= t["turns"]}
    yield Reading("series that lie on two levels", float(len(found)))
    if not found:
        return
    first = max(found, key=lambda name: found[name].apart)
    there = {first: found[first]} | {n: one for n, one in found.items() if _agree(one, found[first]) >= t["same"]}
    yield _finding(there, [name for name in series if name not in found])


def _agree(one: Levels, other: Levels) -> float:
    """The share of the records of both that they put into the same groups, whichever is the upper one."""
    _, here, there = signals.shared(one.step, other.step)
    if not here.size:
        return 0.0
    same = float(np.mean(one.upper[here] == other.upper[there]))
    return max(same, 1 - same)


def _finding(there: dict[str, Levels], rest: list[str]) -> Finding:
    one = next(iter(there.values()))
    told = [f"{words.called(name)} {words.number(two.low)} or {words.number(two.high)}" for name, two in there.items()]
    others = words.listing([words.called(name) for name in rest[:4]]) if rest else ""
    share = words.percent(float(np.mean(one.upper)))
    return RULE.finding(
        headline=(
            f"Records lie on two levels that take turns, with nothing between: {words.listing(told[:3])}"
            + (f", and {len(told) - 3} more." if len(told) > 3 else ".")
        ),
        evidence=(
            f"{words.counted(int(one.turns), 'turn')}; {share} of the records are on the upper level; the distance is "
            f"{words.number(one.apart, 1)} times the spread of a level",
            *([f"{words.capital(others)}: one level"] if others else []),
            *told[3:6],
        ),
        cause=_cause(set(there), set(rest)),
        remedy="Log which teacher, shard or file each batch came from; compare one batch of either group by hand.",
        first_step=float(one.step[0]),
        last_step=float(one.step[-1]),
        numbers={"low": one.low, "high": one.high, "turns": float(one.turns)},
    )


def _cause(there: set[str], rest: set[str]) -> str:
    terms = {names.term_of(name) for name in there} - {None}
    label, teachers = bool(terms & names.ANCHORS), bool(there & set(_TEACHERS))
    if (teachers or terms) and not label and any(names.term_of(name) in names.ANCHORS for name in rest):
        return "Two teachers answer in turn, or one in two states: a checkpoint, a cache, a mode, masked overflow."
    if label and teachers:
        return "The batches come from two sources: two kinds of text, of length or of order."
    if there == {names.GRAD_NORM}:
        return "Two kinds of step take turns: an accumulation that is not cleared or cut short, or a scale."
    return "Two kinds of batch, of teacher or of mode take turns."


RULE = Rule(
    code="R409",
    name="two-levels",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=("|".join((names.LOSS, names.RAW, names.UNWEIGHTED, names.WEIGHTED, names.GRAD_NORM, *_TEACHERS)),),
    check=check,
    thresholds={"apart": 6, "blocks": 0.4, "turns": 8, "same": 0.9},
)
