"""The training's total and the evaluation's are not of one sum

## What it sees
The evaluation's total beside the training's total of the records about it, at each evaluation. Where the log tells the
parts: the evaluation's is the sum of some of the training's parts and not of all, a hint where it is the label loss
alone, before its weight or after it. Or the training's total, as a multiple of the evaluation's, grows all along, while
the evaluation falls: the one says that the student learns, and the other that it does not. Or each evaluation adds the
training's total to the one before, which is a warning. Or it shrinks all along in the first pass over the texts, in
which every batch is as new to the student as the evaluation is, so that nothing can have been learned by heart; or at
once, from one evaluation to the next. Or the one is the other times one factor at every evaluation, while both fall; or
the evaluation lies above it in a first pass, the only one or not, or is many times the training from the first record
on; or it is ahead, and the two meet. An evaluation that rises beside a training that falls is another picture, R305.

## Why it is bad
The two cannot be compared, and one of them is no measure of what the optimizer does: an early stop, a best checkpoint
or a schedule on a plateau watches the wrong number. A total that drifts away from its own evaluation has a factor that
is not divided out, a sum that is never set to 0, or texts that become harder, which a curriculum may mean to.

## Thresholds
- `apart = 0.08`: how far all the parts together must miss the evaluation. `near = 0.05`: how near some must come, and
  three times as near.
- `grows = 1.4`: the factor by which the ratio must grow from the first to the last third. `falls = 0.05`: the share by
  which the evaluation must fall meanwhile; `parts = 1.18`: that factor for two that began as one number, within
  `near`. `shrinks = 1.25`: the factor in the first pass. `nats = 0.1`: how far the two must part at least.
  `evaluations = 6`: fewest.
- `factor = 1.2`, `steady = 0.03`, `fallen = 0.05`: the least factor between the two throughout, how far from it a ratio
  may lie, and the share by which the evaluation must fall. `harder = 1.25`: how far above the training an evaluation
  must lie in a first pass. `many = 5`: how many times the training's first records, and any others, it must be where
  three of them suffice.

## Example
```run fires
steps: 100
train/loss: 13 -> 8.7 ~ 0.05
steps: 8 every 12
eval/loss: 9, 8.6, 8.2, 7.8, 7.4, 7, 6.7, 6.4
```

```run fires
steps: 100
train/loss: 9 -> 6 ~ 0.05
train/weighted/kd: 4 -> 3 ~ 0.03
train/weighted/lm: 5 -> 3 ~ 0.03
steps: 8 every 12
eval/loss: 4.9, 4.7, 4.4, 4.2, 4, 3.7, 3.4, 3.2
```

```run fires
steps: 100
train/loss: 9 -> 20 ~ 0.1
steps: 8 every 12
eval/loss: 9, 8.6, 8.2, 7.9, 7.6, 7.3, 7.1, 7
```

```run quiet
steps: 100
train/loss: 9 -> 6 ~ 0.05
steps: 8 every 12
eval/loss: 9, 8.6, 8.2, 7.9, 7.4, 7, 6.7, 6.4
```

## Remedy
Let one function make both totals. Print the terms and the weights of one batch, once in training and once as an
evaluation: all numbers but dropout's noise must agree.

## Sources
- The grid of faults in this project: an evaluation without one of its terms, a scale that is not divided out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_FEW = 3
"""Fewest evaluations that lie far from the training throughout."""

_FIRST = 2
"""The first evaluations, which alone are held against what the training comes to later."""

_STEADY = 0.9
"""The rank correlation of a ratio that grows all along with its place."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield at most one finding."""
    told, loss = run.get(names.EVAL_LOSS), run.get(names.LOSS)
    if told is None or loss is None:
        return
    training, evaluation = signals.finite(signals.tidy(loss)), signals.measured(signals.finite(told), run)
    # what is evaluated before the first record has none beside it
    within = evaluation.step >= training.step[0] if len(training) else np.zeros(len(evaluation), dtype=bool)
    evaluation = Column(evaluation.step[within], evaluation.value[within])
    if (far := _far(run, evaluation, training, t)) is not None:
        yield far
        return
    if len(evaluation) < t["evaluations"] or len(training) < 4 * signals.AROUND or not np.all(evaluation.value > 0):
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations of the total beside the training's records")
    level = signals.around(training, evaluation.step)
    yield Reading("the training's total over the evaluation's, median", float(median(level / evaluation.value)))
    found = _sums(evaluation, level) or _some(run, evaluation, t) or _drift(run, evaluation, level, t)
    found = found or _ahead(training, evaluation, level, t) or _factor(evaluation, level, t)
    found = found or _harder(run, evaluation, level, t)
    if found is not None:
        yield found


def _sums(evaluation: Column, level: Floats) -> Finding | None:
    """An evaluation that adds the training's level to the evaluation before, each time."""
    if not signals.adds_itself(evaluation, level):
        return None
    found = _finding(
        evaluation,
        f"Each evaluation is larger than the one before by the training's total, from "
        f"{words.number(float(evaluation.value[0]))} to {words.number(evaluation.last)}",
        f"At {len(evaluation)} evaluations in a row, within {words.percent(signals.ADDED)}",
        "The sum of the evaluation is never set to 0: each says all that were before, too.",
    )
    return replace(found, level=Level.WARNING)


def _some(run: Run, evaluation: Column, t: Thresholds) -> Finding | None:
    """Some of the parts that sum to the evaluation's total at each of its steps, where all of them do not."""
    made = signals.made_of(run, evaluation, t["apart"], t["near"])
    if made is None:
        return None
    whose = "" if made.weighted else ", before its weight,"
    found = _finding(
        evaluation,
        f"The evaluation's total is that of {words.listing(made.terms)} alone{whose} at all {len(evaluation)} "
        f"evaluations: {words.listing(made.out)} {'is' if len(made.out) == 1 else 'are'} not in it",
        f"{words.number(evaluation.last)} at step {words.step(evaluation.step[-1])}, where the parts sum to "
        f"{words.number(made.whole)}",
        "The evaluation makes its total by another code than the training, or it logs the label loss as its loss.",
    )
    # a label loss alone is what many evaluate on purpose, and many leave out what asks for the teacher's states
    meant = set(made.terms) <= names.ANCHORS or not set(made.out) & {names.KD, *names.ANCHORS}
    return found if meant else replace(found, level=Level.WARNING)


def _drift(run: Run, evaluation: Column, level: Floats, t: Thresholds) -> Finding | None:
    """A ratio of training to evaluation that grows all along while the evaluation falls, or shrinks in a first pass."""
    value, third, pair = evaluation.value, len(evaluation) // 3, None
    ratio = level / value
    first, last = float(median(ratio[:third])), float(median(ratio[-third:]))
    if abs(float(np.ptp(level - value))) < t["nats"]:
        return None
    tends = signals.rank_correlation(ratio, np.arange(float(ratio.size)))
    falls = float(median(value[-third:])) < (1 - t["falls"]) * float(median(value[:third]))
    grows = t["parts"] if abs(first - 1) < t["near"] else t["grows"]  # what began as one number
    once = signals.in_first_pass(run, evaluation.step) == len(evaluation)
    if tends > _STEADY and falls and last > grows * first > 0:
        cause = (
            "The number that is written has a factor that grows, or a sum that is not set to 0; or the texts of the "
            "training become harder, as a curriculum may mean to."
        )
    elif tends < -_STEADY and first > t["shrinks"] * last > 0 and once:
        cause = (
            "The evaluation asks something else: its labels, mask, weights or texts are of another kind; or the "
            "training's texts become easier. In a first pass nothing is learned by heart."
        )
    elif (pair := _at_once(run, t)) is not None:
        cause = (
            f"At once, by step {words.step(pair.since or 0.0)}, the training asks what is easier: one text again and "
            "again, texts that the student makes itself, other labels, a term less. What is learned by heart parts "
            "little by little, or where a pass begins."
        )
    else:
        return None
    found = _finding(
        evaluation,
        f"The training's total and the evaluation's part ways: {words.number(first)} times it at first and "
        f"{words.number(last)} times in the end",
        f"Training {words.number(float(level[0]))}, then {words.number(float(level[-1]))}; evaluation "
        f"{words.number(float(value[0]))}, then {words.number(float(value[-1]))}",
        cause,
    )
    return found if pair is None else replace(found, first_step=pair.since)


def _ahead(training: Column, evaluation: Column, level: Floats, t: Thresholds) -> Finding | None:
    """An evaluation that lies at first where the training comes later, and meets it: no text is learned by heart so.

    The records after each evaluation are looked at, which a mean that lags has behind it.
    """
    value, third, later = evaluation.value, len(evaluation) // 3, signals.after(training, evaluation.step[:_FIRST])
    first, last = (float(median((level / value)[part])) for part in (slice(third), slice(-third, None)))
    met = abs(last - 1) < 2 * t["near"] and first > t["shrinks"] * last
    tends = signals.rank_correlation(level / value, np.arange(float(value.size)))
    ahead = bool(np.all(later > t["harder"] * value[:_FIRST]))
    if not met or not ahead or tends > -_STEADY or value[-1] > (1 - t["fallen"]) * value[0]:
        return None
    return _finding(
        evaluation,
        f"The evaluation is ahead of the training, by {words.number(first, 2)} times at first, and meets it in the end",
        f"Evaluation {words.number(float(value[0]))} at first, where the training's next records are about "
        f"{words.number(float(later[0]))}",
        "What is evaluated is not the student alone: a mean of its weights or logits with another model's; or it "
        "leaves out a term that falls to little; or the training is made harder at first, by noise or its texts.",
    )


def _at_once(run: Run, t: Thresholds) -> signals.Beside | None:
    """The two totals, where the training's leaves the evaluation's from one evaluation to the next, for good."""
    pair = signals.beside(run).get("")
    left = pair is not None and pair.drift < 0 and pair.since is not None and pair.surely_moved(t["shrinks"])
    return pair if left else None


def _factor(evaluation: Column, level: Floats, t: Thresholds) -> Finding | None:
    """One factor between the two throughout, while both fall."""
    ratio, value = level / evaluation.value, evaluation.value
    middle = float(median(ratio))
    steady = bool(np.all(np.abs(ratio / middle - 1) < t["steady"]))
    if not steady or max(middle, 1 / middle) < t["factor"] or value[-1] > (1 - t["fallen"]) * value[0]:
        return None
    bits = abs(middle * np.log(2) - 1) < t["steady"]
    return _finding(
        evaluation,
        f"The training's total is {words.number(middle, 2)} times the evaluation's throughout, while both fall",
        f"Within {words.percent(t['steady'])} of it at {len(evaluation)} evaluations",
        "That is 1 / ln(2): the training writes bits, and the evaluation nats."
        if bits
        else "One of the two is divided or weighted in another way, or the evaluation's texts are of another kind.",
    )


def _harder(run: Run, evaluation: Column, level: Floats, t: Thresholds) -> Finding | None:
    """An evaluation that falls, and lies above the training in a first pass: every text is as new to the student."""
    count, value = signals.in_first_pass(run, evaluation.step), evaluation.value
    ratio = value[:count] / level[:count]
    if count < _FEW or value[-1] > (1 - t["fallen"]) * value[0] or float(np.min(ratio)) < t["harder"]:
        return None
    return _finding(
        evaluation,
        f"The evaluation's total is {words.number(float(median(ratio)), 2)} times the training's about it, in a "
        "first pass over the texts, in which nothing can have been learned by heart",
        f"At least {words.number(float(np.min(ratio)), 2)} times at each of {count} evaluations",
        "The evaluation's texts are of another kind or length, or its labels, mask or weights are others; or an "
        "average of the student is evaluated that is slow, or began at 0.",
    )


def _far(run: Run, evaluation: Column, training: Column, t: Thresholds) -> Finding | None:
    """An evaluation many times the training, its first records among them: nothing can have been learned by then."""
    if len(evaluation) < _FEW or len(training) < signals.AROUND or run.first_step > 0.1 * run.last_step:
        return None
    first = float(median(training.value[:3]))
    most = max(first, float(np.max(signals.around(training, evaluation.step))))
    least = float(np.min(evaluation.value))
    if most <= 0 or least < t["many"] * most or run.terms(names.RAW) or run.terms(names.WEIGHTED):
        return None
    return _finding(
        evaluation,
        f"The evaluation's total is {words.number(least / most, 1)} times the training's or more, and was so from the "
        "first record on",
        f"Training {words.number(first)} at first; evaluation {words.number(least)} at the least",
        "The two count other tokens, texts or terms: what is generated and what is given, a mean and a sum.",
    )


def _finding(evaluation: Column, says: str, evidence: str, cause: str) -> Finding:
    return RULE.finding(
        level=Level.INFO,
        headline=f"{says}.",
        evidence=(evidence,),
        cause=cause,
        remedy="Let one function make both totals; print the terms of one batch, once in training and once evaluated.",
        first_step=float(evaluation.step[0]),
        last_step=float(evaluation.step[-1]),
        numbers={"evaluations": float(len(evaluation))},
    )


RULE = Rule(
    code="R319",
    name="totals-differ",
    level=Level.WARNING,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(names.EVAL_LOSS, names.LOSS),
    check=check,
    thresholds={
        "apart": 0.08,
        "near": 0.05,
        "grows": 1.4,
        "falls": 0.05,
        "shrinks": 1.25,
        "nats": 0.1,
        **{"evaluations": 6, "factor": 1.2, "steady": 0.03, "fallen": 0.05, "many": 5, "harder": 1.25, "parts": 1.18},
    },
)
