"""The loss does not fit the student's own certainty

## What it sees
The label loss beside the entropy of the student's answers, or beside the share of tokens that it got right, in a log
that tells one of these. The loss of a student that learns is about its entropy: it is then as sure as it is right. Seen
are a loss many times the entropy; one that began at the entropy and fell to a good part of it; and a loss below what
the wrong tokens cost at the least: a label that is not the most likely token has a probability below a half.

## Why it is bad
A loss that is several times the entropy, from the first record on, is a sum over micro-batches, or of other labels than
the logged entropy is of; where it grew there, the student is sure of what is wrong. A loss far below the entropy comes
from answers that are known before the student is sure of them: few texts, seen again and again, or labels that stand in
the input. A loss below the cost of its wrong tokens is divided once too often, or counts tokens that cost nothing.

## Thresholds
- `above = 2.5`, `nats = 1`: how many times the entropy, and how far above it, the loss must lie.
- `below = 0.6`, `half = 0.5`: the share of the entropy below which a loss must lie that began at it, and by how many
  nats; sound runs keep within 0.85 and 1.1. `began = 0.8`: the share at which it counts as having begun at it.
- `cost = 0.9`: the share of the least cost of the wrong tokens below which a loss must lie.
- `often = 0.8`: in so many of the records of the second half. `records = 20`, `evaluations = 4`: fewest of each.

All are hints: trainers differ in which tokens they take the entropy of.

## Example
```run fires
steps: 60
train/loss: 49 -> 43 -> 42 ~ 0.5
entropy: 6.2 -> 5.4 -> 5.3 ~ 0.05
```

```run quiet
steps: 60
train/loss: 6.2 -> 5.4 -> 5.3 ~ 0.05
entropy: 6.2 -> 5.4 -> 5.3 ~ 0.05
mean_token_accuracy: 0.01 -> 0.04
```

## Remedy
Take the loss, the entropy and the accuracy from one batch, over the tokens with a label alone. Divide the loss by their
number once, and log the mean over the accumulated batch.

## Sources
- Gneiting and Raftery 2007, "Strictly Proper Scoring Rules": the logarithmic score is least, and the entropy in the
  mean, where the answer is the truth.
- TRL's documentation of the SFT trainer: `entropy` and `mean_token_accuracy` beside the loss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_ENTROPY = re.compile(r"(?:train[/_])?(?:student_|token_|mean_)?entropy", re.IGNORECASE)
_RIGHT = re.compile(r"(?:train[/_])?(?:mean_|student_)?(?:next_)?token_acc(?:uracy)?", re.IGNORECASE)
_EVAL = re.compile(r"eval[/_]", re.IGNORECASE)

_FIRST = 3
"""So many records stand for the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the first of the three that the training shows, else the evaluation."""
    pairs = [pair for evaluated in (False, True) if (pair := _labels(run, evaluated)) is not None]
    judged = 0
    for name, label, evaluated in pairs:
        entropy, right = (_beside(run, label, one, evaluated) for one in (_ENTROPY, _RIGHT))
        fewest = t["evaluations"] if evaluated else t["records"]
        told: Finding | None = None
        if entropy is not None and len(entropy[0]) >= fewest:
            judged += 1
            yield Reading(f"{words.called(name)} over the entropy", _late_ratio(*entropy), "above")
            told = _beside_entropy(name, *entropy, t)
        if told is None and right is not None and len(right[0]) >= fewest and name != names.LOSS:
            judged += 1
            told = _beside_right(name, *right, t)
        if told is not None:
            yield told
            return
    if not judged:
        raise TooFew("no label loss beside an entropy or a token accuracy of the student, or too few records of them")


def _labels(run: Run, evaluated: bool) -> tuple[str, Column, bool] | None:
    """The label loss; the total, where the log has no terms, for a trainer that logs entropies does train on labels."""
    parted = bool(run.terms(names.RAW) or run.terms(names.WEIGHTED))
    if evaluated:
        name = names.EVAL_LM_LOSS if run.get(names.EVAL_LM_LOSS) is not None else names.EVAL_LOSS
        column = run.get(name)
        if column is None or (parted and name == names.EVAL_LOSS):
            return None
        return name, signals.finite(signals.tidy(column)), True
    found = signals.label_loss(run)
    loss = run.get(names.LOSS)
    if found is None and loss is not None and not parted:
        found = names.LOSS, signals.finite(signals.tidy(loss))
    return None if found is None else (found[0], found[1], False)


def _beside(run: Run, label: Column, pattern: re.Pattern[str], evaluated: bool) -> tuple[Column, Floats] | None:
    """The label loss at the steps of the first column of that name, and that column's values."""
    for name, column in run.columns.items():
        bare = _EVAL.sub("", name, count=1)
        if (bare != name) is not evaluated or not pattern.fullmatch(bare) or not len(column):
            continue
        other = signals.finite(signals.tidy(column))
        steps, mine, theirs = signals.shared(label.step, other.step)
        if steps.size:
            return Column(steps, label.value[mine]), other.value[theirs]
    return None


def _late_ratio(label: Column, entropy: Floats) -> float:
    half = len(label) // 2
    return float(median(label.value[half:] / np.maximum(entropy[half:], 1e-12)))


def _beside_entropy(name: str, label: Column, entropy: Floats, t: Thresholds) -> Finding | None:
    half = len(label) // 2
    late, sure = label.value[half:], entropy[half:]
    began = float(median(label.value[:_FIRST] / np.maximum(entropy[:_FIRST], 1e-12)))
    high = (late > t["above"] * sure) & (late > sure + t["nats"])
    low = (late < t["below"] * sure) & (late < sure - t["half"])
    if float(np.mean(high)) >= t["often"]:
        grew = began < 0.7 * t["above"]
        return _finding(
            name,
            label,
            f"is {words.number(_late_ratio(label, entropy), 2)} times the entropy of the student's own answers, "
            f"{words.number(float(median(sure)))} nats",
            "The student is sure of what is wrong: other labels, other text or a logit scale that is not trained."
            if grew
            else "The loss is a sum over micro-batches or ranks, or of other labels than the entropy.",
        )
    if float(np.mean(low)) >= t["often"] and t["began"] < began < 1 / t["began"]:
        return _finding(
            name,
            label,
            f"came down to {words.number(_late_ratio(label, entropy), 2)} of the entropy of the student's own answers, "
            f"{words.number(float(median(sure)))} nats, where it began at it",
            "Few texts are learned by heart, or the labels stand in the input.",
        )
    return None


def _beside_right(name: str, label: Column, right: Floats, t: Thresholds) -> Finding | None:
    half = len(label) // 2
    share = right[half:]
    if not bool(np.all((share >= 0) & (share <= 1))):  # a percentage, or something else
        return None
    least = (1 - share) * math.log(2)
    low = (label.value[half:] < t["cost"] * least) & (least > 0.05)
    if float(np.mean(low)) < t["often"]:
        return None
    return _finding(
        name,
        label,
        f"is below {words.number(float(median(least)))}, the least that the wrong "
        f"{words.percent(1 - float(median(share)))} of its tokens cost",
        "The loss is divided once too often, or counts tokens that cost nothing.",
    )


def _finding(name: str, label: Column, what: str, cause: str) -> Finding:
    late = float(median(label.value[len(label) // 2 :]))
    return RULE.finding(
        headline=f"{words.capital(words.called(name))}, {words.number(late)} in the second half, {what}.",
        evidence=(
            f"First {words.number(float(label.value[0]))}, last {words.number(label.last)}, "
            f"{words.counted(len(label), 'record')}",
        ),
        cause=cause,
        remedy="Take loss, entropy and accuracy from one batch, over the tokens with a label alone.",
        first_step=float(label.step[0]),
        last_step=float(label.step[-1]),
        numbers={"value": late},
    )


RULE = Rule(
    code="R320",
    name="certainty-disagrees",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.EVAL_LOSS}|{names.EVAL_LM_LOSS}",),
    check=check,
    thresholds={
        **{"above": 2.5, "nats": 1, "below": 0.6, "half": 0.5, "began": 0.8},
        **{"cost": 0.9, "often": 0.8, "records": 20, "evaluations": 4},
    },
)
