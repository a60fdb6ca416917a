"""The evaluation's text is learned by heart too

## What it sees
A run that goes over its data many times, whose training loss goes on falling long after the second pass, and whose
evaluation falls just as far: the two stay within a few percent of each other to the end. Where the log tells the label
loss of both, these are compared, else the totals.

## Why it is bad
What is gained after a few passes is largely learned by heart, and a text that was held out does not share it: its loss
levels off or rises. An evaluation that follows all the way down is of texts that are trained on. It then measures
memory, never stops a run, and picks the checkpoint that has learned most by heart. A run with far more text than its
student can hold looks the same, so this is a hint.

## Thresholds
- `passes = 8`: fewest passes over the data. `falls = 0.15`: the share by which the training must surely fall after the
  second one, from above `nats = 0.5`: the error of a regression is none of a text.
- `near = 0.03`: how far the two may be apart, as a share, in the median of the evaluations of the last third.
- `evaluations = 5`, `records = 20`: fewest of each after the second pass.

## Example
```run fires
steps: 100 every 5
train/epoch: 0.2 -> 20
train/loss: 5.2 -> 4.6 -> 4.1 -> 3.7 ~ 0.02
steps: 20 every 25
eval/loss: 5.2 -> 4.6 -> 4.1 -> 3.7
```

```run quiet
steps: 100 every 5
train/epoch: 0.2 -> 20
train/loss: 5.2 -> 4.6 -> 4.1 -> 3.7 ~ 0.02
steps: 20 every 25
eval/loss: 5.2 -> 4.7 -> 4.6 -> 4.7
```

## Remedy
Look for the evaluation's texts among those of the training, by a hash of each; hold texts out before they are shuffled,
cut or repeated.

## Sources
- Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better": a twentieth of a validation set stood in
  the training's text.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_BESIDE = 3
"""Records on each side of an evaluation that stand for the training there."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for an evaluation that is as good as what was learned by heart."""
    epoch = signals.finite(signals.tidy(run.columns[names.EPOCH]))
    pair = _pair(run)
    if pair is None or len(epoch) < 2:
        raise TooFew("no evaluation beside a loss of the training of the same kind")
    name, told, training = pair
    passes = float(epoch.value[-1] - epoch.value[0])
    yield Reading("passes over the data", passes, "passes")
    if passes < t["passes"]:
        return
    since = float(np.interp(epoch.value[0] + 2, np.maximum.accumulate(epoch.value), epoch.step))
    late = training.value[training.step > since]
    seen = Column(told.step[told.step > since], told.value[told.step > since])
    if late.size < t["records"] or len(seen) < t["evaluations"]:
        raise TooFew("too few records or evaluations after the second pass")
    fell = signals.gain(late[: late.size // 4], late[-(late.size // 4) :])
    places = np.searchsorted(training.step, seen.step)
    near = np.array([float(median(training.value[max(0, i - _BESIDE) : i + _BESIDE])) for i in places.tolist()])
    apart = float(median(((seen.value - near) / np.maximum(np.abs(near), 1e-12))[-max(3, len(seen) // 3) :]))
    yield Reading("distance of the evaluation from the training at the end, as a share", apart, "near")
    level = float(median(late[: late.size // 4]))
    if level < t["nats"] or not fell.surely_above(t["falls"] * level) or abs(apart) > t["near"]:
        return
    yield RULE.finding(
        headline=(
            f"{words.capital(words.called(name))} falls with the training to the end, to {words.number(seen.last)} "
            f"after {words.number(passes, 1)} passes over the data: text that was held out does not follow so far."
        ),
        evidence=(
            f"The training falls from {words.number(level)} after the second pass to "
            f"{words.number(float(median(late[-(late.size // 4) :])))}; the evaluation lies "
            f"{words.percent(abs(apart))} from it at the end",
        ),
        cause="The evaluation's texts are among those of the training.",
        remedy="Compare hashes of the texts of both; hold texts out before they are shuffled, cut or repeated.",
        first_step=since,
        last_step=float(seen.step[-1]),
        numbers={"passes": passes, "apart": apart},
    )


def _pair(run: Run) -> tuple[str, Column, Column] | None:
    """The evaluation and the training's series of the same thing."""
    label, evaluated = signals.label_loss(run), run.get(names.EVAL_LM_LOSS)
    if label is not None and evaluated is not None:
        return names.EVAL_LM_LOSS, signals.finite(signals.tidy(evaluated)), label[1]
    told, loss = run.get(names.EVAL_LOSS), run.get(names.LOSS)
    if told is None or loss is None:
        return None
    return names.EVAL_LOSS, signals.finite(signals.tidy(told)), signals.finite(signals.tidy(loss))


RULE = Rule(
    code="R321",
    name="evaluation-seen",
    level=Level.INFO,
    page=__doc__,
    needs=(names.EPOCH, f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}"),
    check=check,
    thresholds={"passes": 8, "falls": 0.15, "nats": 0.5, "near": 0.03, "evaluations": 5, "records": 20},
)
