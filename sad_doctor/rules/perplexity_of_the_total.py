"""The perplexity is exp of the total loss

## What it sees
In at least half of the evaluations the logarithm of the perplexity is, within printed precision, the evaluation's total
(which has several parts, or differs from the LM loss beside it) or the training total of the same step. Or it is above
`nats` and within 10% of the training total: no vocabulary makes a language model so bad, so it is no language-model
loss. A clamped value is left to the rule of clamps. Two
evaluations that are written at one step are not judged: which of their numbers belong together is not told.

## Why it is bad
Perplexity is exp of the LM loss alone: the number of equally likely next tokens. Exp of KD + layerwise + LM is no
perplexity at all: it changes with the weights and the curriculum, and cannot be compared with any other model's.

## Thresholds
- `nats = 12.5`: the logarithm of the largest usual vocabulary (262,144 tokens is 12.48).
- `near = 0.1`: how near to the training total such a value must be.

## Example
```run fires
steps: 500
train/loss: 28 ~ 2
train/raw/kd: 26 ~ 2
train/raw/lm: 2 ~ 0.1
steps: 500, 501
eval/loss: 28.3488, 28.1027
eval/perplexity: 2.05e12, 1.603e12
```

```run quiet
steps: 500
train/loss: 9 -> 6
train/weighted/kd: 5 -> 3
train/weighted/lm: 4 -> 3
steps: 250, 500
eval/loss: 7.5, 6.1
eval/lm_loss: 3.5, 3.0
eval/perplexity: 33.1155, 20.0855
```

## Remedy
Evaluate the LM loss by itself, summed over tokens and divided once by their number, and take exp of that.

## Sources
- The failed runs this project starts from: "2.05e+12" is exp(28.35), the total; run 2's is exp of the total, capped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when most evaluations agree."""
    found = run.get(names.EVAL_PERPLEXITY)
    if found is None:
        return
    perplexity = signals.tidy(found)
    if any(_doubled(run.get(name)) for name in (names.EVAL_LOSS, names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS)):
        raise TooFew("two evaluations are written at one step, and which numbers are of one set is not told")
    if not _several(run.terms(names.RAW), run.terms(names.WEIGHTED), run.terms(names.EVAL_RAW)):
        raise TooFew("the log does not tell two parts of the loss, so its loss may be the LM loss itself")
    told = [
        (float(s), float(p), _of(run, float(s), float(p), t))
        for s, p in zip(perplexity.step, perplexity.value, strict=True)
        if math.isfinite(p) and p > 0 and signals.clamp_of(float(p)) is None
    ]
    if not told:
        raise TooFew("every perplexity is a clamp or not finite")
    hits = [(step, value, why) for step, value, why in told if why]
    yield Reading("evaluations whose perplexity is exp of a total", len(hits))
    if hits and 2 * len(hits) >= len(told):
        yield _finding(hits, len(perplexity))


def _doubled(column: Column | None) -> bool:
    """Whether a column has two values at half of its steps or more: more than a resume tells again."""
    if column is None:
        return False
    again = (np.diff(column.step) == 0) & (np.diff(column.value) != 0)
    return 2 * int(np.sum(again)) >= np.unique(column.step).size > 1


def _several(*groups: dict[str, Column]) -> bool:
    """At least two terms that are not 0 throughout."""
    return len({term for group in groups for term, c in group.items() if bool(np.any(c.value != 0))}) > 1


def _of(run: Run, step: float, perplexity: float, t: Thresholds) -> str:
    """Say which total ``perplexity`` is exp of, or nothing."""
    lm = _at(run, names.EVAL_LM_LOSS, step)
    if signals.is_exp_of(perplexity, lm):
        return ""
    nats, evaluation, training = math.log(perplexity), _at(run, names.EVAL_LOSS, step), _at(run, names.LOSS, step)
    exact = signals.significant_digits(perplexity) >= 3
    if exact and signals.is_exp_of(perplexity, evaluation) and (nats > t["nats"] or _is_total(run, step)):
        return f"exp of the evaluation's total, {words.number(evaluation)}"
    if exact and signals.is_exp_of(perplexity, training) and signals.significant_digits(training) >= 4:
        return f"exp of the training total, {words.number(training)}"
    level = _level(run, step)
    if nats > t["nats"] and abs(nats - level) <= t["near"] * level:
        return f"exp({words.number(nats)}), near the training total of {words.number(level)}"
    return ""


def _is_total(run: Run, step: float) -> bool:
    """The evaluation's loss is a total if its own parts, two or more, sum to it, or if an LM loss beside it differs."""
    lm, loss = run.get(names.EVAL_LM_LOSS), run.get(names.EVAL_LOSS)
    if lm is not None and loss is not None and math.isfinite(lm.at(step)):
        # the two may cross: at any evaluation is enough
        gaps = [abs(lm.at(float(s)) / v - 1) for s, v in zip(loss.step, loss.value, strict=True) if v]
        return any(gap > 0.05 for gap in gaps)
    if _follows_the_total(run):
        return True
    groups = (run.terms(names.EVAL_WEIGHTED), run.terms(names.EVAL_RAW))
    return loss is not None and any(_several(g) and signals.sums_to(g, loss) for g in groups)


def _follows_the_total(run: Run) -> bool:
    """Whether the evaluation's loss keeps its ratio to the training total and not to the label loss, all the way."""
    evaluation, label = run.get(names.EVAL_LOSS), signals.label_loss(run)
    if evaluation is None or label is None or len(evaluation) < 4:
        return False
    steps, values = evaluation.step, evaluation.value
    totals = np.array([_level(run, float(s)) for s in steps])
    at = np.clip(np.searchsorted(label[1].step, steps), 0, len(label[1]) - 1)
    labels = np.array([float(median(label[1].value[max(0, i - 5) : i + 6])) for i in at.tolist()])
    of_total, of_label = values / totals, values / labels
    steady = bool(np.all(np.abs(of_total - 1) < 0.1))
    # where the terms are surely before their weights, the label loss has a level of its own
    if steady and (run.terms(names.WEIGHT) or signals.found_weights(run)) and bool(np.all(np.abs(of_label - 1) > 0.2)):
        return True
    return steady and float(np.ptp(of_label)) > max(0.2 * float(median(of_label)), 2 * float(np.ptp(of_total)))


def _at(run: Run, name: str, step: float) -> float:
    column = run.get(name)
    return float("nan") if column is None else column.at(step)


def _level(run: Run, step: float) -> float:
    """The median of the total over the eleven records around ``step``; NaN without any."""
    found = run.get(names.LOSS)
    if found is None:
        return float("nan")
    loss = signals.tidy(found)
    middle = int(np.searchsorted(loss.step, step))
    near = loss.value[max(0, middle - 5) : middle + 6]
    known = near[np.isfinite(near)]
    return float(median(known)) if known.size else float("nan")


def _finding(hits: list[tuple[float, float, str]], count: int) -> Finding:
    step, value, why = hits[-1]
    return RULE.finding(
        headline=f"The perplexity {words.number(value)} at step {words.step(step)} is {why}: no language model's.",
        evidence=(
            *(f"Step {words.step(s)}: {words.number(p)} is {w}" for s, p, w in hits[:4]),
            f"{len(hits)} of {count} evaluations",
        ),
        cause="The evaluation takes exp of the whole objective (KD, layerwise and others) in place of the LM loss.",
        remedy="Take exp of the token-weighted LM loss of held-out text; compare bits per byte across tokenizers.",
        first_step=hits[0][0],
        last_step=step,
        numbers={"perplexity": value, "nats": math.log(value), "hits": float(len(hits)), "evaluations": float(count)},
    )


RULE = Rule(
    code="R302",
    name="perplexity-of-the-total",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.EVAL_PERPLEXITY, f"{names.LOSS}|{names.EVAL_LOSS}"),
    check=check,
    thresholds={"nats": 12.5, "near": 0.1},
)
