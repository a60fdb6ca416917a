"""The label loss is too good to be true

## What it sees
The student's label loss on held-out text next to 0, or below half of its teacher's and a nat under it. Without an
evaluation, the training's label loss next to 0 from its first third on.

## Why it is bad
Text is not that predictable: the best language models pay about a nat a token. Who pays nothing sees the answer: labels
that are not shifted (the model repeats its input), a causal mask that is missing or is lost with padding, held-out text
that is part of the training text, labels that are mostly masked. The number falls beautifully and means nothing.

## Thresholds
- `nats = 0.1`: a label loss below this is next to 0.
- `half = 0.5`, `under = 1`: the share of the teacher's loss, and the distance in nats, below which a student cannot be.
- `records = 50`: fewest records of the training's label loss.

A student that is trained on a narrow text by its labels can pass a general teacher, but hardly by half.

## Example
```run fires
steps: 8 every 20
eval/lm_loss: 5.4, 4.3, 3.3, 2.6, 2, 1.6, 1.4, 1.3
steps: 1, 2
teacher/lm_loss: 3.27, 3.27
```

```run quiet
steps: 8 every 20
eval/lm_loss: 5.4, 4.3, 3.9, 3.7, 3.6, 3.5, 3.4, 3.3
steps: 1, 2
teacher/lm_loss: 3.27, 3.27
```

## Remedy
Decode one batch beside its labels: the label of a position is the next token. Change the last token of a text and see
that no earlier loss moves. `sad verify` does both.

```sh
sad verify V304 V305
```

## Sources
- Karpathy 2019, "A Recipe for Training Neural Networks"; transformers shifts labels in the model, most loops do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Run

CODE, NAME = "R311", "label-loss-too-low"


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a loss that cannot be."""
    evaluated, teacher = run.get(names.EVAL_LM_LOSS), run.get(names.TEACHER_EVAL_LM_LOSS)
    known = None if evaluated is None else signals.finite(signals.tidy(evaluated))
    if known is not None and len(known):
        name, end, at = names.EVAL_LM_LOSS, known.last, float(known.step[-1])
        below = known.step[known.value <= end * 1.05]
        since = float(below[0])
    else:
        label = signals.label_loss(run)
        if label is None or len(label[1]) < t["records"]:
            raise TooFew(
                "the log has neither an evaluation of the label loss nor enough records of it before its weight"
            )
        third = label[1].value[len(label[1]) // 3 :]
        name, end, at = label[0], float(np.median(third)), float(label[1].step[-1])
        since = float(label[1].step[len(label[1]) // 3])
    yield Reading(f"{words.called(name)}", end, "nats")
    bar = None if teacher is None or name != names.EVAL_LM_LOSS else signals.finite(teacher)
    limit = None
    if bar is not None and len(bar):
        yield Reading("the same over the teacher's", end / bar.last if bar.last else float("nan"), "half")
        limit = min(t["half"] * bar.last, bar.last - t["under"])
    if not 0 <= end < max(t["nats"], limit or 0.0):
        return
    beside = "" if bar is None or not len(bar) else f", its teacher's {words.number(bar.last)}"
    yield Finding(
        rule=CODE,
        name=NAME,
        level=Level.WARNING,
        headline=(
            f"{words.capital(words.called(name))} is {words.number(end)} at step {words.step(at)}{beside}: too good to "
            "be true."
        ),
        evidence=(f"So low since step {words.step(since)}",),
        cause="The answer is in the input: labels not shifted, no causal mask, or held-out text that was trained on.",
        remedy="Decode one batch beside its labels; change a text's last token and see that no earlier loss moves.",
        first_step=since,
        last_step=at,
        numbers={"value": end},
    )


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"nats": 0.1, "half": 0.5, "under": 1, "records": 50},
)
