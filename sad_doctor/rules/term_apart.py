"""Training and evaluation part in a term other than the label loss

## What it sees
KD or another term of the training beside the evaluation's, at every evaluation: their ratio moves from the first
evaluations to the last by more than the threshold, far beyond the noise of the batches, while that of the label loss
stays, or moves by less than half of it. Where the evaluation tells only its total and the label loss, what is left of
the two totals stands for the other terms. Or KD before its weight lies below the evaluation's at every evaluation,
while the label losses are one number, or is many times the evaluation's from the first one on, while the label losses
meet in the end: a hint.

## Why it is bad
The texts are alike, as the label losses say, and the term is not: in training it is computed from something else. KD
that falls in training and not on held-out text has other targets there, which come to meet the student: a teacher that
fades, a cache, a temperature, a divisor or a weight that changes. KD that falls on held-out text and not in training is
a sum that is never set to 0, targets of another batch, an answer that is kept for too long.

## Thresholds
- `times = 1.25`: how many times the ratio becomes another one; much dropout in training makes it 1.15. It is a hint,
  and a warning from `far = 1.5` on.
- `gap = 0.1`: a term that ends higher in training by less than this share of what it began with is a hint only: dropout
  leaves as much of a KD that has come down to nearly nothing.
- `label = 1.1`: from here on the label losses part too, which R316 tells: then it is the texts.
- `level = 0.8`: the share of the evaluation's KD below which the training's lies throughout. In sound runs whose label
  losses agree it is 0.85 and more; dropout makes it more, and never less.
- `falls = 0.15`, `stood = 1.1`: where the evaluation's KD comes down by this share and the training's by less than a
  quarter of that, its ratio need surely become only `stood` times another one, for a hint, if the label losses go
  together: sound runs have both fall.
- `above = 2`: how many times the evaluation's KD the training's is at every evaluation, for a hint.

## Example
```run fires
steps: 60
train/raw/kd: 1.8 -> 0.2 ~ 0.01
train/raw/lm: 5 -> 4 ~ 0.05
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 5 -> 4
eval/raw/kd: 1.8 -> 1
```

```run fires
steps: 60
train/raw/kd: 1.3 ~ 0.01
train/raw/lm: 5 -> 4 ~ 0.05
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 5 -> 4
eval/raw/kd: 1.35 -> 1.1
```

```run quiet
steps: 60
train/raw/kd: 1.8 -> 1 ~ 0.01
train/raw/lm: 5 -> 4 ~ 0.05
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 5 -> 4
eval/raw/kd: 1.8 -> 1
```

## Remedy
Send one training batch through the evaluation's code: the term must be one number. Then look at what the training's
term has that the evaluation's has not: a cache, a curriculum, a running sum.

## Sources
- The grid of planted faults in `benchmarks/planted/`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals import Beside
from sad_doctor.signals.middle import median

_AGAIN, _DIGITS = 3, 4
_KD, _REST = "the term kd", "the rest of the loss"


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term whose training and evaluation part."""
    told = signals.beside(run)
    label = next((pair for term, pair in told.items() if term in names.ANCHORS), None)
    if label is None:
        raise TooFew("too few evaluations of the label loss, or records of the training's")
    others = {f"the term {term}": pair for term, pair in told.items() if term and pair is not label}
    if not others and not _schedules(run) and (left := signals.rest(run, label)) is not None:
        others = {_REST: left}
    if not others:
        raise TooFew("no term but the label loss that both the training and the evaluation tell")
    for what, pair in others.items():
        if _stale(pair) or _stale(label):
            continue  # what is told again is no measurement: R312, R404
        yield Reading(f"how many times the ratio of {what} changes", float(np.exp(pair.drift)), "times")
        apart = abs(pair.drift - label.drift) > np.log(t["times"])
        texts = label.surely_moved(t["label"]) and (label.drift > 0) == (pair.drift > 0)
        if pair.surely_moved(t["times"]) and apart and not texts and abs(label.drift) < 0.5 * abs(pair.drift):
            little = 0 < _late(pair.training) - _late(pair.evaluation) < t["gap"] * float(pair.training[0])
            sure = pair.surely_moved(t["far"]) and not little
            # what is left beside a label loss of a weight that may move is no measure
            sure &= what != _REST or not label.surely_moved(t["times"])
            yield _finding(what, pair, label, Level.WARNING if sure else Level.INFO)
        elif what == _KD and _stands(pair, label, t):
            yield _finding(what, pair, label, Level.INFO)
        elif what == _KD and _same_kind(run, pair):
            if _below(pair, label, t):
                yield _lower(pair)
            elif _above(pair, label, t):
                yield _higher(pair, label)


def _schedules(run: Run) -> bool:
    """Whether the log tells weights that move: what is left of a total moves with them, and says nothing."""
    columns = [signals.finite(column) for column in run.terms(names.WEIGHT).values()]
    return any(len(column) and float(np.ptp(column.value)) > 0 for column in columns)


def _stale(pair: Beside) -> bool:
    """Whether three evaluations in a row or more are one number to the last of several digits."""
    still = signals.still(Column(pair.step, pair.evaluation))
    return still is not None and still.count >= _AGAIN and signals.significant_digits(still.value) >= _DIGITS


def _same_kind(run: Run, pair: Beside) -> bool:
    """Whether both are KD before its weight."""
    raw = all(name.startswith((names.RAW, names.EVAL_RAW)) for name in (pair.training_name, pair.evaluation_name))
    total = run.get(names.LOSS)
    summed = total is not None and not run.terms(names.WEIGHT) and signals.sums_to(run.terms(names.RAW), total)
    return raw and not summed


def _stands(pair: Beside, label: Beside, t: Thresholds) -> bool:
    """Whether the evaluation's KD comes down and the training's does not, while the label losses go together."""
    ends = [(float(median(v[:_AGAIN])), float(median(v[-_AGAIN:]))) for v in (pair.training, pair.evaluation)]
    ours, theirs = (float(np.log(first / last)) for first, last in ends)
    together = abs(label.drift) < 0.5 * np.log(t["stood"])
    return together and theirs > t["falls"] and ours < 0.25 * theirs and pair.surely_moved(t["stood"])


def _below(pair: Beside, label: Beside, t: Thresholds) -> bool:
    """Whether KD lies below the evaluation's at every evaluation, and the label loss does not."""
    same = bool(np.all(np.abs(np.log(label.ratio)) < np.log(t["label"])))
    return same and bool(np.all(pair.ratio < t["level"]))


def _above(pair: Beside, label: Beside, t: Thresholds) -> bool:
    """Whether KD is many times the evaluation's from the first evaluation on, and the label losses meet in the end.

    Dropout and texts learned by heart make a ratio that begins near 1.
    """
    met = bool(np.all(np.abs(np.log(label.ratio[-3:])) < np.log(t["label"])))
    return met and bool(np.all(pair.ratio > t["above"])) and not pair.surely_moved(t["times"])


def _higher(pair: Beside, label: Beside) -> Finding:
    ratio = float(median(pair.ratio))
    first, last = (float(label.ratio[at]) for at in (0, -1))
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"KD in training is {words.number(ratio, 2)} times the evaluation's from the first evaluation on, while "
            "the label losses end as one number: what is evaluated is computed in another way, or is not the student "
            "alone."
        ),
        evidence=(
            f"At least {words.number(float(np.min(pair.ratio)), 2)} at {pair.step.size} evaluations; the label loss's "
            f"ratio is {words.number(first, 3)} at first and {words.number(last, 3)} in the end",
        ),
        cause="KD of the evaluation has another temperature, or lacks its square, or another divisor or mask; or the "
        "student is evaluated together with its teacher, as a mean of weights or logits.",
        remedy="Send one training batch through the evaluation's code: the term must be one number.",
        first_step=float(pair.step[0]),
        last_step=float(pair.step[-1]),
        numbers={"times": ratio},
    )


def _lower(pair: Beside) -> Finding:
    ratio = float(median(pair.ratio))
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"KD in training is {words.number(ratio, 2)} times the evaluation's throughout, while the label losses are "
            "one number: it has other targets there, or another temperature, mask or divisor."
        ),
        evidence=(f"At most {words.number(float(np.max(pair.ratio)), 2)} at {pair.step.size} evaluations",),
        cause="In training the teacher reads other tokens than at the evaluation: padding on another side, a cache cut "
        "to its likeliest tokens, a prefix; or KD is computed by other code there.",
        remedy="Send one training batch through the evaluation's code: the term must be one number.",
        first_step=float(pair.step[0]),
        last_step=float(pair.step[-1]),
        numbers={"times": ratio},
    )


def _late(value: Floats) -> float:
    return float(median(value[-3:]))


def _finding(what: str, pair: Beside, label: Beside, level: Level) -> Finding:
    first, last = (words.number(float(v)) for v in (pair.training[0], pair.training[-1]))
    begin, end = (words.number(float(v)) for v in (pair.evaluation[0], pair.evaluation[-1]))
    return RULE.finding(
        level=level,
        headline=(
            f"{words.capital(what)} is another one in training than at the evaluation: there from {first} to {last}, "
            f"here from {begin} to {end}, while the label losses go together."
        ),
        evidence=(
            f"Its ratio is {words.number(float(np.exp(pair.drift)), 3)} times the first one, the label loss's "
            f"{words.number(float(np.exp(label.drift)), 3)} times, at {words.counted(pair.step.size, 'evaluation')}",
        ),
        cause=(
            "In training its targets come to meet the student, or it is multiplied by what shrinks: a teacher that "
            "changes, a temperature, a divisor, a weight."
            if pair.drift < 0
            else "In training its targets are those of other batches, or it is summed or multiplied by what grows; or "
            "much dropout is on there."
        ),
        remedy="Send one training batch through the evaluation's code: the term must be one number.",
        first_step=float(pair.step[0]) if pair.since is None else pair.since,
        last_step=float(pair.step[-1]),
        numbers={"times": float(np.exp(pair.drift))},
    )


RULE = Rule(
    code="R220",
    name="term-apart",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_PERPLEXITY}", f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}"),
    check=check,
    thresholds={
        "times": 1.25,
        "far": 1.5,
        "label": 1.1,
        "gap": 0.1,
        "level": 0.8,
        "above": 2,
        "falls": 0.15,
        "stood": 1.1,
    },
)
