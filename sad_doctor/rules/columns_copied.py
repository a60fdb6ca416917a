"""Two numbers are one

## What it sees
Two series of the training that mean different things, such as KD and the label loss, or the student's and the teacher's
loss, whose ratio or whose difference is one number in nearly every record, although both change from batch to batch.
Or evaluations that are, to the last digit, the training's number of the same step or of the record before; or a
perplexity that is exp of it. Or an evaluation's label loss that goes with the training's KD throughout, and not with
its label loss: a hint that two names are each other's.

## Why it is bad
One of the two is not what it is called: KD that is computed against the labels, a teacher that is the student, a
teacher's answer that is one token, a variable that is used for both. The run then learns from one thing and its log
tells of two. Two distances of the same states may rightly be multiples of one another: a squared error of normalised
vectors is twice one minus their cosine.

## Thresholds
- `same = 0.004`: the spread of the ratio, as a share; four printed digits give 0.001.
- `noise = 0.02`: how far neighbours of a series must lie apart, as a share of it, so that it can tell.
- `records = 20`: fewest records. `evaluations = 3`: fewest evaluations that are the training's number.

## Example
```run fires
steps: 40
train/raw/kd: 2.8 -> 1.4 ~ 0.2
train/raw/lm: 2.8 -> 1.4 ~ 0.2
steps: 10, 20, 30, 40
train/loss: 5.6312, 4.8121, 4.0139, 2.9922
eval/loss: 5.6312, 4.8121, 4.0139, 2.9922
```

```run quiet
steps: 40
train/raw/kd: 1.8 -> 0.4 ~ 0.1
train/raw/lm: 3.8 -> 2.4 ~ 0.2
```

## Remedy
Print both for one batch, and the tensors that each is computed from: logits of the teacher and of the student must be
two tensors, labels and the teacher's probabilities too. `sad verify` compares each term with a reference.

## Sources
- Hinton et al. 2015, arXiv 1503.02531: the soft targets carry what the labels do not.
- The failure catalogue of this project: the teacher's logits that were the student's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_PRINTED, _MOVED = 3e-4, 100
"""How far the logarithm of a printed perplexity may lie from a printed loss, and how far it must move, in that."""

_OFTEN = 0.9
"""In so many of the evaluations one is the training's number."""

_SHOWN = 2000
"""So many records are looked at, evenly spread."""

_LEAST = 5
"""Fewest evaluations that tell two names for each other's."""

_WITH, _NOT = 0.1, 0.25
"""How near to each evaluation the one term is, and how far from it the other, as shares of it."""

_FALLS = 0.1
"""How much those evaluations must fall, as a share: by then two numbers that do not belong together have parted."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the pair that is one number, and one for evaluations that are the training's."""
    known = signals.per_batch(run, int(t["records"]))
    series = {name: column for name, column in known.items() if name not in (names.LOSS, names.GRAD_NORM)}
    seen: set[frozenset[str]] = set()
    for (one, a), (other, b) in combinations(series.items(), 2):
        pair = frozenset((_what(one), _what(other)))
        if len(pair) < 2 or pair in seen:
            continue
        found = _relation(a, b, t)
        if found is None:
            continue
        seen.add(pair)
        yield _finding(one, other, a, found)
    copied = _of_training(run, t) or _of_kd(run)
    if copied is not None:
        yield copied
    if len(series) < 2 and run.get(names.EVAL_LOSS) is None:
        raise TooFew("fewer than two series to compare")


def _what(name: str) -> str:
    return names.term_of(name) or name


def _relation(a: Column, b: Column, t: Thresholds) -> tuple[str, float] | None:
    """ "times" or "plus" and the number that makes the first series the second; None if none does."""
    _, at, among = signals.shared(a.step, b.step)
    first, second = a.value[at], b.value[among]
    if first.size < t["records"]:
        return None
    rows = np.unique(np.linspace(0, first.size - 1, min(first.size, _SHOWN)).astype(int))
    one, other = first[rows], second[rows]
    if min(signals.neighbours(one), signals.neighbours(other)) < t["noise"] or not (one.all() and other.all()):
        return None
    ratio = other / one
    if _spread(ratio) < t["same"] * abs(float(median(ratio))):
        return "times", float(median(ratio))
    apart = other - one
    if _spread(apart) < t["same"] * float(median(np.abs(one))) and _spread(apart) < 0.1 * _spread(one):
        return "plus", float(median(apart))
    return None


def _spread(values: Floats) -> float:
    low, high = np.quantile(values, [0.05, 0.95])
    return float(high - low)


def _finding(one: str, other: str, column: Column, found: tuple[str, float]) -> Finding:
    how, amount = found
    equal = abs(amount - 1) < 1e-3 if how == "times" else abs(amount) < 1e-3
    kinds = {_what(one), _what(other)}
    anchored = bool(kinds & (names.ANCHORS | {names.TEACHER_LOSS}))
    apart = f"{words.number(amount)} times" if how == "times" else f"{words.number(amount)} plus"
    return RULE.finding(
        level=Level.WARNING if anchored and names.TEACHER_ENTROPY not in kinds else Level.INFO,
        headline=(
            f"{words.capital(words.called(other))} is {'' if equal else apart + ' '}{words.called(one)} in every "
            "record: two names of one number."
        ),
        evidence=(f"{words.counted(len(column), 'record')}; at the end {words.number(column.last)} of the first",),
        cause=(
            "One is computed from what the other is computed from: KD against the labels, or a teacher that is the "
            "student."
            if anchored
            else "Both measure the same states in two ways, or one variable is logged twice."
        ),
        remedy="Print both for one batch, and the tensors that each is computed from.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"factor" if how == "times" else "apart": amount},
    )


def _pairs(run: Run) -> list[tuple[str, str, float]]:
    """An evaluation, the training's number that it may be, and how far apart the two may lie."""
    labels = [names.RAW + term for term in sorted(names.ANCHORS) if run.get(names.RAW + term) is not None]
    told = [(names.EVAL_LOSS, names.LOSS, 0.0), *((names.EVAL_LM_LOSS, label, 0.0) for label in labels)]
    return told + [(names.EVAL_PERPLEXITY, label, _PRINTED) for label in (*labels, names.LOSS) if _evaluated(run)]


def _evaluated(run: Run) -> bool:
    """Whether the perplexity is logged with the evaluations: many print one beside each loss of the training."""
    told, loss = run.get(names.EVAL_PERPLEXITY), run.get(names.LOSS)
    beside = run.get(names.EVAL_LOSS) or run.get(names.EVAL_LM_LOSS)
    if told is None or beside is None or loss is None:
        return False
    return bool(np.all(np.isin(told.step, beside.step))) and 2 * len(told) <= len(loss)


def _of_training(run: Run, t: Thresholds) -> Finding | None:
    """Evaluations that are the training's number of the same step, to the last digit."""
    for name, beside, slack in _pairs(run):
        told, training = run.get(name), run.get(beside)
        if told is None or training is None:
            continue
        a, b = signals.finite(signals.tidy(told)), signals.finite(signals.tidy(training))
        if slack:  # a perplexity stands for its logarithm
            a = Column(a.step, np.log(np.maximum(a.value, 1)))
        step, at, among = signals.shared(a.step, b.step)
        one, other = a.value[at], b.value[among]
        fine = [signals.significant_digits(float(value)) >= 4 for value in one]
        if step.size < t["evaluations"] or len(set(one.tolist())) < t["evaluations"] or sum(fine) < 0.5 * len(fine):
            continue
        # the training's number of the same step, or of the record before
        earlier = b.value[np.maximum(among - 1, 0)]
        same, late = np.abs(one - other) <= slack, (np.abs(one - earlier) <= slack) | (among == 0)
        before = float(np.mean(late)) > float(np.mean(same))
        same = late if before else same
        if slack and float(np.ptp(one)) < _MOVED * slack:
            continue
        if float(np.mean(same)) > _OFTEN:
            return RULE.finding(
                headline=(
                    f"{words.capital(words.called(name))} is {'exp of ' if slack else ''}{words.called(beside)} of the "
                    f"{'record before' if before else 'same step'}, to the last digit, in {int(np.sum(same))} of "
                    f"{step.size} evaluations."
                ),
                evidence=(f"{words.number(float(one[-1]))} at step {words.step(step[-1])}",),
                cause="The training's variable is logged as the evaluation, or the evaluation is of the same batch.",
                remedy="Compute the evaluation on text that is held out, and log what it returns.",
                first_step=float(step[0]),
                last_step=float(step[-1]),
                numbers={"evaluations": float(step.size)},
            )
    return None


def _of_kd(run: Run) -> Finding | None:
    """The evaluation's label loss beside the training's KD, where it goes with that and not with the label loss."""
    label = signals.label_loss(run)
    told = run.get(names.EVAL_LM_LOSS)
    kd = run.get(names.RAW + names.KD) or run.get(names.WEIGHTED + names.KD)
    if label is None or told is None or kd is None:
        return None
    evaluation = signals.measured(signals.finite(told), run)
    training = [signals.finite(signals.tidy(column)) for column in (kd, label[1])]
    value = evaluation.value
    if value.size < _LEAST or min(map(len, training)) < signals.AROUND or not bool(np.all(value > 0)):
        return None
    goes, not_so = (np.abs(signals.around(column, evaluation.step) / value - 1) for column in training)
    if float(np.max(goes)) > _WITH or float(np.min(not_so)) < _NOT or value[-1] > (1 - _FALLS) * value[0]:
        return None
    ends = [words.number(float(column.value[-1])) for column in (evaluation, *training)]
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The evaluation's label loss goes with the training's KD at all {value.size} evaluations, and not with "
            f"its label loss: {ends[0]}, {ends[1]} and {ends[2]} at the end. Two names are each other's."
        ),
        evidence=(
            f"KD within {words.percent(float(np.max(goes)))} of it, the label loss never nearer than "
            f"{words.percent(float(np.min(not_so)))}",
        ),
        cause="KD and the label loss are returned in one order and unpacked in the other, in training or evaluation.",
        remedy="Print both for one batch, and log them by name: a dictionary in place of a tuple.",
        first_step=float(evaluation.step[0]),
        last_step=float(evaluation.step[-1]),
        numbers={"evaluations": float(value.size)},
    )


RULE = Rule(
    code="R405",
    name="columns-copied",
    level=Level.WARNING,
    page=__doc__,
    needs=(
        f"{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}|{names.EVAL_LOSS}|{names.EVAL_PERPLEXITY}"
        f"|{names.TEACHER_LOSS}",
    ),
    check=check,
    thresholds={"same": 0.004, "noise": 0.02, "records": 20, "evaluations": 3},
)
