"""Training and evaluation part in their label loss

## What it sees
The training's label loss beside the evaluation's, at every evaluation: their ratio moves from the first evaluations to
the last, by the thresholds below and far beyond the noise of the batches. The first evaluations are the measure, so a
constant weight, a smoothing or a harder text on one side does not count. Or the one is many times the other at every
evaluation, by one factor, where the log says that neither is after a weight. Or, a hint, the training's is an eighth
below the evaluation's in the second half of the run, where KD is as much in both: text that is harder has more of both.

## Why it is bad
Text that is held out and text that is trained on are alike, so their losses go together, until texts are learned by
heart. If the training's falls far below, it is that, or the training's loss is made small: a weight, a divisor or a
share of masked labels that changes, labels that are easy. If the evaluation's falls and the training's does not, the
student learns, by its other terms, and the training's labels or texts are not the ones that it is evaluated on: labels
of another text or of the step before, text that gets harder.

Whether other terms part as well tells which: if KD parts too it is the texts, or all weights; if only the label loss
does it is the labels, or how that loss is computed. Texts that are learned by heart part in KD first, as a part of the
label loss is there that nobody can learn: so less suffices where the label loss parts alone.

## Thresholds
- `below = 1.35`: how many times the ratio becomes smaller; texts that are seen a few times make it a tenth smaller.
- `above = 1.1`: how many times it becomes larger, which no training does on text of one kind; or smaller, where
  another term parts in the same direction by `with = 1.25`. If another becomes larger by as much, `both = 1.03`.
- `factor = 2`, `steady = 1.25`: how many times the other it must be throughout, and how little that may change.
- `alone = 1.08`: how many times smaller, where every other term keeps its ratio within `kept = 1.06`. In the first pass
  over texts of one kind it is 1.02 at most. `off = 1.12`, `most = 1.6`: how many times below it must lie at each
  evaluation of the second half, where the median of KD's ratio there is within `kept`; sound runs have 1.02. Further
  below it may be a weight.

## Example
```run fires
steps: 60
train/raw/lm: 5 -> 4.9 ~ 0.05
train/raw/kd: 1.9 -> 1.2 ~ 0.05
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 5 -> 3.8
```

```run fires
steps: 60
train/raw/lm: 5 -> 0.5 ~ 0.05
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 5 -> 3.5
```

```run fires
steps: 60
train/raw/lm: 5 -> 4 -> 3.4 -> 3.3 ~ 0.05
train/raw/kd: 1.9 -> 1.2 -> 0.9 -> 0.8 ~ 0.02
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 6.1 -> 4.8 -> 4.1 -> 4
eval/raw/kd: 1.9 -> 1.2 -> 0.9 -> 0.8
```

```run quiet
steps: 60
train/weighted/lm: 2.5 -> 2 ~ 0.05
train/weighted/kd: 1.9 -> 1.2 ~ 0.05
steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60
eval/lm_loss: 5 -> 3.9
```

## Remedy
Send one training batch through the evaluation's code, in evaluation mode: both must give one number. Decode a batch's
labels beside its inputs.

## Sources
- Karpathy 2019, "A Recipe for Training Neural Networks": look at the data just before it goes into the model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Run
from sad_doctor.signals import Beside
from sad_doctor.signals.middle import median

_ONE = 0.05
"""So near to 1 is a weight by which terms that are logged after theirs sum to the total."""

_LATE = 3
"""Fewest evaluations of the second half."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding where the label losses part."""
    told = signals.beside(run)
    term = next((term for term in told if term in names.ANCHORS), None)
    if term is None:
        raise TooFew("too few evaluations of the label loss, or records of the training's")
    label = told[term]
    yield Reading("how many times the training's ratio to the evaluation's changes", float(np.exp(label.drift)))
    if signals.weight_moves(run, told) is not None:
        return  # told by R211
    others = {other: pair for other, pair in told.items() if other not in ("", term)}
    if not others and (left := signals.rest(run, label)) is not None:
        others = {"the rest of the loss": left}
    along = any(pair.surely_moved(t["with"]) and (pair.drift > 0) == (label.drift > 0) for pair in others.values())
    kept = [abs(pair.drift) < np.log(t["kept"]) for pair in others.values()]
    alone = bool(kept) and all(kept)
    both = label.drift > 0 and any(pair.drift > 0 and pair.surely_moved(t["above"]) for pair in others.values())
    least = t["both"] if both else t["above"] if label.drift > 0 or along else t["alone"] if alone else t["below"]
    if label.surely_moved(least):
        yield _finding(label, others, t)
    elif _by_a_factor(run, label, t):
        yield _factor(label)
    elif (kd := told.get(names.KD)) is not None and _is_off(label, kd, t):
        yield _off(label, kd)


def _is_off(label: Beside, kd: Beside, t: Thresholds) -> bool:
    """Whether the label losses of both sides lie apart late in the run, and KD's do not."""
    late, soft = (pair.ratio[-(pair.ratio.size // 2) :] for pair in (label, kd))
    if late.size < _LATE or soft.size < _LATE:
        return False
    between = bool(np.all(late * t["off"] < 1) and np.all(late * t["most"] > 1))
    return between and abs(float(np.log(median(soft)))) < np.log(t["kept"])


def _off(label: Beside, kd: Beside) -> Finding:
    ratio, soft = (float(median(pair.ratio[-(pair.ratio.size // 2) :])) for pair in (label, kd))
    first, last = (words.number(float(v)) for v in (label.training[-1], label.evaluation[-1]))
    return RULE.finding(
        headline=(
            f"The training's label loss is {words.number(ratio, 2)} times the evaluation's in the second half of the "
            f"run ({first} beside {last} at the end), and KD {words.number(soft, 2)} times: the text is alike to the "
            "teacher, the label loss is not of one computation."
        ),
        evidence=(f"At each of {words.counted(label.ratio.size // 2, 'evaluation')}",),
        cause="Labels that are easy count in one of the two alone, as padding does; logits are divided by a "
        "temperature, or labels smoothed, in one alone; a weight that is not told; or the evaluation's text is harder.",
        remedy="Send one training batch through the evaluation's code; count the labels that each divides by.",
        first_step=float(label.step[-(label.ratio.size // 2)]),
        last_step=float(label.step[-1]),
        numbers={"times": ratio, "kd": soft},
    )


def _by_a_factor(run: Run, label: Beside, t: Thresholds) -> bool:
    """Whether the one is many times the other at every evaluation, neither after its weight."""
    total = run.get(names.LOSS)
    summed = total is not None and signals.sums_to(run.terms(names.RAW), total)  # few digits fit other weights too
    found = {} if summed else signals.found_weights(run)
    before = bool(run.terms(names.WEIGHT)) or any(abs(weight - 1) > _ONE for weight in found.values())
    if not label.training_name.startswith(names.RAW) or not before or abs(label.drift) > np.log(t["steady"]):
        return False
    return bool(np.all(label.ratio < 1 / t["factor"]) or np.all(label.ratio > t["factor"]))


def _factor(label: Beside) -> Finding:
    ratio = float(median(label.ratio))
    first, last = (words.number(float(v)) for v in (label.training[0], label.training[-1]))
    begin, end = (words.number(float(v)) for v in (label.evaluation[0], label.evaluation[-1]))
    return RULE.finding(
        headline=(
            f"The training's label loss is {words.number(ratio, 2)} times the evaluation's throughout: from {first} to "
            f"{last}, the evaluation's from {begin} to {end}."
        ),
        evidence=(f"At each of {words.counted(label.step.size, 'evaluation')}",),
        cause="One of the two is divided by another count: a mean over padding or masked places, which count as 0, a "
        "sum over micro-batches, texts or tokens, a weight or a base of logarithms that is not told; or it is of other "
        "text.",
        remedy="Send one training batch through the evaluation's code; count the labels that each divides by.",
        first_step=float(label.step[0]),
        last_step=float(label.step[-1]),
        numbers={"times": ratio},
    )


def _finding(label: Beside, others: dict[str, Beside], t: Thresholds) -> Finding:
    up = label.drift > 0
    first, last = (words.number(float(v)) for v in (label.training[0], label.training[-1]))
    begin, end = (words.number(float(v)) for v in (label.evaluation[0], label.evaluation[-1]))
    apart = [term for term, pair in others.items() if pair.surely_moved(t["with"]) and (pair.drift > 0) == up]
    along = [term for term in others if term not in apart]
    return RULE.finding(
        headline=(
            f"Training and evaluation part: the training's label loss goes from {first} to {last}, the evaluation's "
            f"from {begin} to {end}" + (f", all at once by step {words.step(label.since)}." if label.since else ".")
        ),
        evidence=(
            f"The ratio of the two is {words.number(float(np.exp(label.drift)), 3)} times the first one, at "
            f"{words.counted(label.step.size, 'evaluation')}",
            *([f"{words.capital(words.listing(apart))} parted too: look at the texts"] if apart else []),
            *([f"{words.capital(words.listing(along))} did not: look at the labels"] if along else []),
        ),
        cause=(
            "The training's labels or texts are not those of the evaluation: other labels, text that gets harder, "
            "a student that is trained with much dropout or on spoilt inputs."
            if up
            else "The label loss, or its labels, are made in another way on one of the two sides: a temperature, a "
            "smoothing, a mask, a weight that changes; or the evaluation's text is of another kind, of more noise."
            if along and not apart
            else "The training's texts are learned by heart, its labels are easier, or its label loss is multiplied "
            "or masked by something that changes."
        ),
        remedy="Send one training batch through the evaluation's code; decode its labels beside its inputs.",
        first_step=float(label.step[0]) if label.since is None else label.since,
        last_step=float(label.step[-1]),
        numbers={"times": float(np.exp(label.drift))},
    )


RULE = Rule(
    code="R316",
    name="label-loss-apart",
    level=Level.INFO,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_PERPLEXITY}", f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}"),
    check=check,
    thresholds={
        "below": 1.35,
        "above": 1.1,
        "with": 1.25,
        "alone": 1.08,
        "kept": 1.06,
        "both": 1.03,
        "factor": 2,
        "steady": 1.25,
        "off": 1.12,
        "most": 1.6,
    },
)
