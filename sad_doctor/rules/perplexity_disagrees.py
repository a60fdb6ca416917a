"""The perplexity does not fit the loss

## What it sees
The logarithm of the perplexity differs from the evaluation's label loss beside it in most evaluations, by more than
printing explains. Where the log has no label loss, and the loss has no parts, the evaluation's loss stands for it. Two
to the power of the loss in place of e is recognised, also by the training's label loss about each evaluation, and is a
hint: of a loss in bits it is right, of one in nats it is not, and a log seldom says which. A mean of perplexities is
recognised too, and so is a perplexity that stands while its loss moves. Where the log has the training's perplexity and
the evaluation's, the evaluation's counts. Clamps and exp of the total have rules of their own.

## Why it is bad
One of the two is not what it is called, and comparisons with other models' perplexities are wrong: by a power for the
wrong base, upwards for a mean of the batches' perplexities, by anything for a sum over padding.

## Thresholds
- `nats = 0.05`: how far apart they may lie; the mean over batches of unequal size stays below.
- `mean = 0.002`: nats by which it may lie above a loss that is called the label's, each time: more is a hint.
- `base = 0.01`: how near log2 of the perplexity must come to the loss.
- `often = 0.5`: the share of the evaluations. `held = 2`: so many that repeat a perplexity and not its loss.

## Example
```run fires
steps: 3 every 100
eval/lm_loss: 4, 3.5, 3.2
eval/perplexity: 16, 11.3137, 9.1896
```

```run quiet
steps: 3 every 100
eval/lm_loss: 4, 3.5, 3.2
eval/perplexity: 54.598, 33.115, 24.533
```

## Remedy
Sum the label loss over tokens, divide once by their number, take exp of that: no mean of exps, no second base.

## Sources
- Jurafsky and Martin, "Speech and Language Processing", on perplexity. transformers' documentation, "Perplexity of
  fixed-length models".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_CAUSE = "The loss is in bits, and 2 is its base; or it is in nats, and was taken for bits."
_REMEDY = "See in which unit the loss is: of nats take exp, of bits the power of 2."

_OWN = re.compile(r"logged/(?:eval|val|valid|validation|dev|test)[/_](?:ppl|perplexity)", re.IGNORECASE)
"""The evaluation's perplexity, in a log that told the training's first: fairseq writes both."""

_FEWEST, _NEAR = 4, 0.06
"""Evaluations, and how near the training's label loss about them comes to the evaluation's."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the two differ."""
    if run.get(names.EVAL_LM_LOSS) is None and (found := _of_training(run)) is not None:
        yield found
        return
    name = _beside(run)
    perplexity, loss = (signals.finite(signals.tidy(one)) for one in (_perplexity(run), run.columns[name]))
    step, at, among = signals.shared(perplexity.step, loss.step)
    shown, told = perplexity.value[at], loss.value[among]
    usable = (shown > 0) & np.array([signals.clamp_of(float(v)) is None for v in shown], dtype=bool)
    step, shown, told = step[usable], shown[usable], told[usable]
    if not step.size:
        raise TooFew("no evaluation has a perplexity that is no clamp, and a finite loss")
    total = run.get(names.EVAL_LOSS)
    if total is not None and name != names.EVAL_LOSS:
        of_total = [signals.is_exp_of(float(p), total.at(float(s))) for p, s in zip(shown, step, strict=True)]
        if all(of_total):
            raise TooFew("the perplexity is exp of the evaluation's total")
    gap = np.log(shown) - told
    apart = np.abs(gap) > t["nats"]
    yield Reading("gap of ln(perplexity) to the loss, nats", float(median(gap)), "nats")
    held = [i for i in range(1, step.size) if shown[i] == shown[i - 1] and abs(told[i] - told[i - 1]) > t["nats"]]
    if float(np.mean(apart)) > t["often"]:
        yield _finding(name, step, shown, told, t)
    elif len(held) >= max(t["held"], 1):
        yield _held(name, step, shown, told, held)
    elif name == names.EVAL_LM_LOSS and step.size >= _FEWEST and _above(gap, shown, told) > t["mean"]:
        yield _finding(name, step, shown, told, {**t, "nats": t["mean"]}, level=Level.INFO)


def _above(gap: Floats, shown: Floats, told: Floats) -> float:
    """The median gap, in nats, where each is larger than what the last printed digits may make; else 0."""
    units = [
        (signals.unit(float(one)) / float(one), signals.unit(float(other)))
        for one, other in zip(shown, told, strict=True)
    ]
    return float(median(gap)) if bool(np.all(gap > np.array(units).sum(axis=1))) else 0.0


def _perplexity(run: Run) -> Column:
    own = next((column for name, column in run.columns.items() if _OWN.fullmatch(name)), None)
    return run.columns[names.EVAL_PERPLEXITY] if own is None else own


def _held(name: str, step: Floats, shown: Floats, told: Floats, held: list[int]) -> Finding:
    first, last = held[0] - 1, held[-1]
    return RULE.finding(
        headline=(
            f"The perplexity is {words.number(float(shown[last]))} from step {words.step(step[first])} to "
            f"{words.step(step[last])}, while {words.called(name)} goes from {words.number(float(told[first]))} to "
            f"{words.number(float(told[last]))}: it is cut at a limit, or an old one."
        ),
        evidence=(f"{len(held)} evaluations repeat the perplexity before, to the last digit, and not its loss",),
        cause="A clamp of the perplexity or of the loss in it, or a number that is not computed anew.",
        remedy="Compute it as exp of the evaluation's label loss, in every evaluation, and without a limit.",
        first_step=float(step[first]),
        last_step=float(step[last]),
        numbers={"perplexity": float(shown[last]), "evaluations": float(len(held))},
    )


def _of_training(run: Run) -> Finding | None:
    """Base 2 shown by the training's label loss about each evaluation: 2 fits it at every one, e at none."""
    label = signals.label_loss(run)
    shown = signals.finite(signals.tidy(run.columns[names.EVAL_PERPLEXITY]))
    if label is None or len(shown) < _FEWEST or not len(label[1]) or bool(np.any(shown.value <= 1)):
        return None
    at = np.clip(np.searchsorted(label[1].step, shown.step), 0, len(label[1]) - 1)
    near = np.array([float(median(label[1].value[max(0, i - 2) : i + 3])) for i in at.tolist()])
    fits = bool(np.all(np.abs(np.log2(shown.value) / near - 1) < _NEAR))
    if not fits or not bool(np.all(np.abs(np.log(shown.value) / near - 1) > 3 * _NEAR)):
        return None
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The perplexity {words.number(shown.last)} at step {words.step(shown.step[-1])} is 2 to the power of "
            f"the loss: the training's label loss there is about {words.number(float(near[-1]))}."
        ),
        evidence=(
            f"log2 of the perplexity is {words.number(float(np.log2(shown.last)))}, ln is "
            f"{words.number(float(np.log(shown.last)))}; so at {len(shown)} of {len(shown)} evaluations",
        ),
        cause=_CAUSE,
        remedy=_REMEDY,
        first_step=float(shown.step[0]),
        last_step=float(shown.step[-1]),
        numbers={"perplexity": shown.last, "loss": float(near[-1])},
    )


def _beside(run: Run) -> str:
    if run.get(names.EVAL_LM_LOSS) is not None:
        return names.EVAL_LM_LOSS
    parted = any(run.terms(prefix) for prefix in (names.RAW, names.WEIGHTED, names.EVAL_RAW, names.EVAL_WEIGHTED))
    if parted:
        raise TooFew("the log has no label loss of the evaluation, and its loss has several parts")
    return names.EVAL_LOSS


def _finding(
    name: str, step: Floats, shown: Floats, told: Floats, t: Thresholds, level: Level = Level.WARNING
) -> Finding:
    gap = np.log(shown) - told
    two = bool(np.all(np.abs(np.log2(shown) - told) <= t["base"] + 0.005 * np.abs(told)))
    above = bool(np.all(gap > 0))
    means = "The perplexity is a mean of the batches' perplexities, or it is of another text or another objective."
    other = "The loss or the perplexity is of another objective, or one of them averages over padding."
    return RULE.finding(
        level=Level.INFO if two else level,
        headline=(
            f"The perplexity {words.number(float(shown[-1]))} {'is 2 to the power of' if two else 'does not fit'} "
            f"{words.called(name)} {words.number(float(told[-1]))} at step {words.step(step[-1])}"
            f"{': the loss is in bits, or the base is wrong' if two else ''}."
        ),
        evidence=(
            f"ln of the perplexity is {words.number(float(np.log(shown[-1])))}; apart in "
            f"{int((np.abs(gap) > t['nats']).sum())} of {step.size} evaluations, {words.number(float(median(gap)))} "
            "in the median",
        ),
        cause=_CAUSE if two else (means if above else other),
        remedy=_REMEDY
        if two
        else "Take exp of the label loss of the same evaluation, summed over tokens and divided once.",
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers={"perplexity": float(shown[-1]), "loss": float(told[-1]), "gap": float(median(gap))},
    )


RULE = Rule(
    code="R310",
    name="perplexity-disagrees",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.EVAL_PERPLEXITY, f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}"),
    check=check,
    thresholds={"nats": 0.05, "base": 0.01, "often": 0.5, "held": 2, "mean": 0.002},
)
