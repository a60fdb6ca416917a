"""The student learns next to nothing

## What it sees
The label loss on held-out text (else the training's, else the total) at the end of the run, held against what one knows
of it. Where the vocabulary is known: it still lies at the uniform loss, ln(vocabulary), though KD does not fall either.
Where the teacher's own loss on the same text is known: hardly any of the way to it was gone. Where neither is: it lies
within a few percent of its beginning and is flat, which is a hint, as a student that came trained may have no more to
gain; but if every evaluation says one number of four digits or more, of its loss or else of a measure, it has not moved
at all. A run that is not far enough is not judged, nor is the total of a log with rewards, which need not fall while a
policy learns.

## Why it is bad
Every training of a fresh student falls far in its first hundreds of steps, if only to the frequencies of the tokens.
One that does not has a step that does nothing or undoes itself: it is the whole run that is lost, not its last bit. The
curves that still fall, such as a layerwise term or a total whose weights change, hide it.

## Thresholds
- `uniform = 0.99`: the share of ln(vocabulary) from which on the label loss is that of guessing, if it fell by no more
  than `fell = 0.1` of its beginning. Up to `over = 1.1`; above that R306 tells it.
- `nats = 2`, `way = 0.15`: so far above its teacher, in nats, after this share of the way to it, if it surely fell
  by less than `stands = 0.005` of its beginning since its second quarter: one that still falls is only slow. A small
  student that came trained lies about one nat above a large teacher, and may rightly stay there.
- `kd = 0.15`: a KD that surely falls by this share is learning of another kind, and told by others.
- `gained = 0.08`, `flat = 0.02`: the share of its beginning that it gained in all, and since its second quarter, below
  which it is a hint.
- `both = 0.15`, `slow = 0.05`: either of the two where the log has a KD that does not fall either.
- `knows = 5`, `right = 0.1`: a loss, in nats, and a token accuracy by which a student knows nothing yet: no hint.
- `many = 200`, `keeps = 0.001`: so many records within this share of one level need not wait for `progress`.
- `progress = 0.5`: the share of the planned steps that must be done. `evaluations = 4`, `records = 24`: fewest points.

## Example
```run fires
fact total_steps: 1000
fact vocabulary_size: 256
steps: 0, 200, 400, 600, 800, 1000
eval/lm_loss: 5.71, 5.53, 5.54, 5.54, 5.54, 5.54
```

```run quiet
fact total_steps: 1000
fact vocabulary_size: 256
steps: 0, 200, 400, 600, 800, 1000
eval/lm_loss: 5.71, 4.9, 4.4, 4.2, 4.1, 4.05
```

## Remedy
Look at the size of the update over that of the weights: below 1e-6 the step is too small, above 1e-2 it undoes itself.
Then train on a single batch, on which any sound loop comes near 0 within some hundred steps:

```toml
[train]
learning_rate = 1e-3
max_steps = 300
```

## Sources
- The failure catalogue of this project: gradients never cleared, a weight decay that outweighs the gradient.
- Karpathy, A Recipe for Training Neural Networks (2019): verify the loss at the start, overfit one batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

_DIGITS = 4
_TINY, _LARGE, _GROWS = 1e-5, 1e-2, 4.0
"""Sizes of the update over the weights, and how far the gradient's norm grows, that speak for one cause."""


@sealed
class _Course:
    """The witness, its level at the beginning and at the end, and by how much it fell since its second quarter."""

    name: str
    column: Column
    first: float
    last: float
    since: signals.Gain


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield at most one finding."""
    total = run.fact(names.TOTAL_STEPS)
    if total and total > 0 and run.last_step < t["progress"] * total and not _stands(run, t):
        raise TooFew(f"only {words.percent(max(run.last_step, 0) / total)} of the planned steps are logged")
    course = _course(run, t)
    if course is None:
        raise TooFew("too few evaluations, or records, from the beginning of the run on")
    if course.name in (names.LOSS, names.EVAL_LOSS) and signals.rewarded(run):
        raise TooFew("the log has rewards: the loss of a policy need not fall")
    gained = (course.first - course.last) / abs(course.first) if course.first else float("nan")
    yield Reading(f"fall of {words.called(course.name)} in all, as a share", gained, "gained")
    if not course.first > 0 or not np.isfinite(gained) or _kd_falls(run, t):
        return
    against, sure = _against(run, course, gained, t)
    if against:
        yield _finding(run, course, gained, against, sure=sure)


def _against(run: Run, course: _Course, gained: float, t: Thresholds) -> tuple[str, bool]:
    """What the end is held against, and whether that is certain; nothing where the student learns."""
    label = course.name not in (names.LOSS, names.EVAL_LOSS)
    size, teacher = run.fact(names.VOCABULARY_SIZE), signals.teacher_held_out(run)
    if label and size and size > 1:
        uniform = math.log(size)
        if t["uniform"] * uniform <= course.last <= t["over"] * uniform and gained < t["fell"]:
            return f"guessing every token alike gives {words.number(uniform)}", True
    if teacher is not None and course.name == names.EVAL_LM_LOSS and np.isfinite(teacher):
        far = min(course.first, course.last) > teacher + t["nats"]
        way = (course.first - course.last) / max(course.first - teacher, 1e-12)
        stands = course.since.surely_below(t["stands"] * abs(course.first))
        if far and way < t["way"] and stands:
            return f"its teacher's is {words.number(teacher)}", True
        if course.last <= teacher + t["nats"]:
            return "", False  # there is little left to learn
    flat = course.since.surely_below(t["flat"] * abs(course.first), sigmas=2)
    slow = course.since.surely_below(t["slow"] * abs(course.first), sigmas=2)
    stands = _kd_falls(run, t) is False  # a second witness
    still = (gained < t["gained"] and (flat or (slow and stands))) or (gained < t["both"] and flat and stands)
    still = still and not _fell_before(run, course, t)
    if still and (one := _one_evaluation(run, t)) is not None:
        return f"all {one[0]} evaluations are {words.number(one[1])}, to the last digit", True
    right = next((column.last for name, column in run.columns.items() if "token_accuracy" in name and len(column)), 1.0)
    if still and course.last >= t["knows"] and right < t["right"]:
        return "a language model that came trained lies far below that", True
    return ("a student that came untrained falls much further" if still else ""), False


def _stands(run: Run, t: Thresholds) -> bool:
    """Whether the loss has kept one level in very many records, at a rate that is warm: no need to wait for half."""
    rate, label, total = run.get(names.LEARNING_RATE), signals.label_loss(run), run.get(names.LOSS)
    column = label[1] if label is not None else None if total is None else signals.finite(signals.tidy(total))
    found = None if column is None or len(column) < t["many"] else signals.blocks(column, 6)
    warms = rate is not None and int(np.argmax(rate.value)) == len(rate) - 1
    return found is not None and not warms and float(found.range) < t["keeps"] * abs(float(median(found.middle)))


def _fell_before(run: Run, course: _Course, t: Thresholds) -> bool:
    """Whether the training's total of an evaluation that began late has done its fall since the first record."""
    loss = run.get(names.LOSS)
    if (
        course.name != names.EVAL_LOSS
        or loss is None
        or len(known := signals.finite(signals.tidy(loss))) < t["records"]
    ):
        return False
    first, last = float(median(known.value[:3])), float(median(known.value[-(len(known) // 4) :]))
    return last < (1 - t["gained"]) * first and course.first < (1 - t["gained"]) * first


def _one_evaluation(run: Run, t: Thresholds) -> tuple[int, float] | None:
    """How many evaluations there are, if all of them say one number of some digits: the loss, or else a measure."""
    loss = signals.evaluations(run).get(names.EVAL_LOSS)
    told = [loss] if loss is not None else [run.columns[name] for name in signals.measures(run)]
    for column in told:
        enough = len(column) >= t["evaluations"] * (1 if column is loss else 2)
        if enough and signals.stands_still(column) and signals.significant_digits(column.last) >= _DIGITS:
            return len(column), column.last
    return None


def _course(run: Run, t: Thresholds) -> _Course | None:
    told = signals.evaluations(run)
    label = signals.label_loss(run)
    loss = run.get(names.LOSS)
    parted = bool(run.terms(names.WEIGHT)) or label is not None
    candidates: list[tuple[str, Column | None, float, int]] = [
        (names.EVAL_LM_LOSS, told.get(names.EVAL_LM_LOSS), t["evaluations"], 1),
        (label[0] if label else "", label[1] if label else None, t["records"], 3),
        (names.EVAL_LOSS, None if parted else told.get(names.EVAL_LOSS), t["evaluations"], 1),
        (names.LOSS, None if parted or loss is None else signals.finite(signals.tidy(loss)), t["records"], 3),
    ]
    start, span = run.first_step, max(run.last_step - run.first_step, 1.0)
    for name, column, fewest, width in candidates:
        if column is None or len(column) < fewest or float(column.step[0]) > start + 0.1 * span:
            continue
        value = column.value
        quarter = max(len(value) // 4, 2)
        second, last = value[quarter : max(2 * quarter, quarter + 2)], value[-quarter:]
        if second.size < 2:
            continue
        return _Course(name, column, float(median(value[:width])), float(median(last)), signals.gain(second, last))
    return None


def _kd_falls(run: Run, t: Thresholds) -> bool | None:
    """Whether KD surely falls, in training before its weight or in the evaluation; None where the log does not tell."""
    kd = signals.unweighted(run, [names.KD]) or signals.after_its_weight(run, [names.KD])
    ends = [signals.ends(kd[1])] if kd is not None else []
    evaluated = signals.evaluations(run)
    for name in (names.EVAL_KL, names.EVAL_RAW + names.KD):
        if name in evaluated and len(evaluated[name]) >= t["evaluations"]:
            value = evaluated[name].value
            half = value.size // 2
            ends.append((value[: max(half, 2)], value[-max(half, 2) :]))
    told = [pair for pair in ends if pair is not None]
    if not told:
        return None
    return any(signals.gain(*pair).surely_above(t["kd"] * abs(float(median(pair[0])))) for pair in told)


def _finding(run: Run, course: _Course, gained: float, against: str, *, sure: bool) -> Finding:
    cause, remedy, evidence = _why(run)
    what = words.called(course.name)
    how = f"falls by {words.percent(gained)} in all" if gained > 0 else "does not fall at all"
    return RULE.finding(
        level=Level.WARNING if sure else Level.INFO,
        headline=(
            f"The student learns next to nothing: {what} {how}, from {words.number(course.first)} to "
            f"{words.number(course.last)}; {against}."
        ),
        evidence=(
            f"Since the second quarter it fell by {words.number(course.since.amount)} ± "
            f"{words.number(2 * course.since.error)}, {words.counted(len(course.column), 'record')}",
            *evidence,
        ),
        cause=cause,
        remedy=remedy,
        first_step=float(course.column.step[0]),
        last_step=float(course.column.step[-1]),
        numbers={"first": course.first, "last": course.last, "gained": gained},
    )


def _why(run: Run) -> tuple[str, str, tuple[str, ...]]:
    """The likeliest cause by what else is logged, what to do, and the evidence for it."""
    update, norm, rate = (_values(run, name) for name in (names.UPDATE_RATIO, names.GRAD_NORM, names.LEARNING_RATE))
    if norm.size >= 20:
        tenth = norm.size // 10
        early, late = float(median(norm[:tenth])), float(median(norm[-tenth:]))
        if early > 0 and late > _GROWS * early:
            return (
                "The gradient grows while nothing is learned: it is never cleared, so that each step follows the sum "
                "of all before; or the weights run away.",
                "Clear the gradient after each step (`optimizer.zero_grad()`), and log its norm again.",
                (f"The gradient norm grows from {words.number(early)} to {words.number(late)}",),
            )
    if update.size:
        middle = float(median(update))
        told = (f"The update is {words.number(middle)} of the weights in the median",)
        if middle > _LARGE:
            return (
                "The steps are large and undo each other: a weight decay that outweighs the gradient, a learning rate "
                "far too large, or gradients that are not of these batches.",
                "Set the weight decay to 0, then a tenth of the learning rate, and look at fifty steps of each.",
                told,
            )
        if middle < _TINY:
            return (
                "The steps are too small: the learning rate, a warm-up that does not end, or an optimizer with a few "
                "of the parameters only.",
                "Count the parameters in the optimizer; raise the learning rate tenfold and look at fifty steps.",
                told,
            )
    if rate.size >= 10 and float(rate[-1]) == float(rate.max()) > 1.05 * float(median(rate)):
        return (
            "The learning rate still rises at the end: the warm-up is longer than the run.",
            "Give the warm-up a twentieth of the run's optimizer steps.",
            (f"The learning rate was {words.number(float(rate.max()))} at most, in the last record",),
        )
    return (
        "The steps do nothing or undo each other: a learning rate of another optimizer or scale, a few parameters in "
        "the optimizer only, gradients that are never cleared, a weight decay that outweighs them; or the student came "
        "trained, and has no more to gain.",
        "Log the size of the update and the gradient norm; train on one batch: a sound loop comes near 0 on it.",
        (),
    )


def _values(run: Run, name: str) -> Floats:
    column = run.get(name)
    return np.empty(0) if column is None else signals.finite(signals.tidy(column)).value


RULE = Rule(
    code="R313",
    name="learns-little",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}|{names.LOSS}|{names.RAW}|{names.WEIGHTED}",),
    check=check,
    thresholds={
        **{"uniform": 0.99, "fell": 0.1, "over": 1.1, "nats": 2, "way": 0.15, "stands": 0.005, "kd": 0.15},
        **{"gained": 0.08, "flat": 0.02, "both": 0.15, "slow": 0.05, "progress": 0.5, "evaluations": 4, "records": 24},
        **{"knows": 5, "right": 0.1, "many": 200, "keeps": 0.001},
    },
)
