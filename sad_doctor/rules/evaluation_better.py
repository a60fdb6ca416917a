"""The evaluation is much better than the training

## What it sees
The evaluation's label loss lies far below the training's about the same steps, in nearly every evaluation after the
first third of the run. Where the evaluation tells only a total, that beside the training's.

## Why it is bad
Held-out text is not easier than the text that is trained on, unless it is other text. The evaluation sees the answers
(labels that are not shifted, a mask that lets the future through, texts of the training), counts tokens that cost
nothing, such as padding or a template, or divides by too many; or the training is made harder than it looks: dropout,
noise, another temperature, the loss of a sum. A model in training mode with much dropout looks like this and is sound.

## Thresholds
- `below = 0.15`: by what share of the training's loss the evaluation's must lie below it; the ordinary dropout of a
  tenth makes less. `total = 0.4`: the same for two totals, of which the evaluation's may leave out a term.
- `often = 0.8`: in what share of the evaluations. `evaluations = 4`: fewest of them.

## Example
```run fires
steps: 100
train/raw/lm: 5 -> 4 ~ 0.1
steps: 5 every 20
eval/lm_loss: 4.8, 3.6, 3.2, 3, 2.9
```

```run quiet
steps: 100
train/raw/lm: 5 -> 4 ~ 0.1
steps: 5 every 20
eval/lm_loss: 4.9, 4.6, 4.4, 4.2, 4.1
```

## Remedy
Send one training batch through the evaluation's code with the same weights, in eval mode: both must give one number.
Then look for a text of the training in the evaluation set.

## Sources
- Kapoor and Narayanan 2023, on leakage in machine-learning-based science.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_NEAR = 5


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for an evaluation that is too good."""
    name, told, training, below_by = _pair(run, t)
    late = told.step > run.first_step + (run.last_step - run.first_step) / 3
    step, value = told.step[late], told.value[late]
    if step.size < t["evaluations"]:
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations after the first third")
    places = np.searchsorted(training.step, step)
    near = np.array([float(median(training.value[max(0, i - _NEAR) : i + _NEAR])) for i in places.tolist()])
    with np.errstate(divide="ignore", invalid="ignore"):
        below = (near - value) / np.abs(near)
    share = float(median(below))
    yield Reading("how far the evaluation's label loss lies below the training's, as a share", share, "below")
    if float(np.mean(below > below_by)) >= t["often"]:
        yield RULE.finding(
            headline=(
                f"{words.capital(words.called(name))} {words.number(float(value[-1]))} lies {words.percent(share)} "
                f"below the training's, about {words.number(float(near[-1]))} at step {words.step(step[-1])}."
            ),
            evidence=(f"Below in {int(np.sum(below > below_by))} of {step.size} evaluations",),
            cause=(
                "The evaluation sees the answers, counts tokens that cost nothing, or is of easier text; or the "
                "training has much dropout, or trains on other labels than its text."
            ),
            remedy="Send one training batch through the evaluation's code, in eval mode: both must give one number.",
            first_step=float(step[0]),
            last_step=float(step[-1]),
            numbers={"below": share},
        )


def _pair(run: Run, t: Thresholds) -> tuple[str, Column, Column, float]:
    """The evaluation's column and points, the training's of the same thing, and how far below is too far."""
    label = signals.label_loss(run)
    weighted = signals.parts(run).source == "raw" and not run.terms(names.WEIGHT)
    evaluated, total = run.get(names.EVAL_LM_LOSS), run.get(names.LOSS)
    told, training, name, below = evaluated, label[1] if label else None, names.EVAL_LM_LOSS, t["below"]
    if evaluated is None and run.get(names.EVAL_LOSS) is not None and total is not None:
        told, training, name, below = run.columns[names.EVAL_LOSS], total, names.EVAL_LOSS, t["total"]
    elif weighted and len(signals.parts(run).terms) > 1:
        raise TooFew("the training's label loss may be weighted")
    if told is None or training is None or len(training) < 4 * _NEAR:
        raise TooFew("too few records of the training's label loss before its weight")
    return name, signals.finite(signals.tidy(told)), signals.finite(signals.tidy(training)), below


RULE = Rule(
    code="R314",
    name="evaluation-better",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}",),
    check=check,
    thresholds={"below": 0.15, "total": 0.4, "often": 0.8, "evaluations": 4},
)
