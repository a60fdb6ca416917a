"""The evaluation jumps up and down

## What it sees
One evaluation differs from the next far more than the trend explains, up as often as down, by a few percent of it,
and no less in the second half of the run than in the first.

## Why it is bad
The best of such evaluations is the luckiest and not the best student: a checkpoint that is kept, an early stop, a
comparison of two runs go by chance. Each evaluation is of other texts, or of very few; or the model is evaluated with
its dropout on; or the student itself swings, which the training's loss then shows too.

## Thresholds
- `jumps = 0.02`: the deviation from the trend as a share of the loss. `turns = 0.5`: the share of evaluations at which
  it turns round, three fifths of that for jumps twice as far. `evaluations = 8`: fewest of them.
- `large = 0.5`, `nats = 1`: jumps of a label loss by more than this share of it and so many nats are a warning: no
  choice of texts does that, and what a perplexity or a last evaluation says of the student goes by
  chance; unless two sets are evaluated in turn.

## Example
```run fires
steps: 12 every 50
eval/lm_loss: 5, 4.3, 4.7, 4.1, 4.6, 4.0, 4.5, 3.9, 4.4, 3.9, 4.4, 3.8
```

```run quiet
steps: 12 every 50
eval/lm_loss: 5, 4.7, 4.5, 4.35, 4.25, 4.15, 4.1, 4.05, 4.02, 4.0, 3.99, 3.98
```

## Remedy
Evaluate the same checkpoint twice: the two numbers must be equal. Fix the texts of the evaluation, take enough of them,
and call `model.eval()`.

## Sources
- Karpathy 2019, "A Recipe for Training Neural Networks": evaluate over the whole test set.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Floats, Run
from sad_doctor.signals.middle import median

_SAME = 0.15
"""The share of the jumps by which every second evaluation moves, where two sets are evaluated in turn."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for evaluations that jump."""
    found = signals.evaluations(run)
    name = next((one for one in (names.EVAL_LM_LOSS, names.EVAL_LOSS) if one in found), None)
    if name is None or len(found[name]) < t["evaluations"]:
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations of a loss")
    column = found[name]
    value = column.value[1:]  # the one before the training stands apart
    steps = np.diff(value)
    turns = float(np.mean(steps[1:] * steps[:-1] < 0))
    level = abs(float(median(value)))
    # of noise alone the second difference has a deviation of sqrt(6) of its own
    half = np.diff(value[value.size // 3 :], 2)
    noise = float(median(np.abs(half))) * 1.4826 / np.sqrt(6) if half.size else 0.0
    yield Reading("deviation of the evaluations from their trend, as a share", noise / level if level else 0.0, "jumps")
    # a trend hides turns: of jumps that are far larger fewer suffice
    enough = t["turns"] if noise < 2 * t["jumps"] * level else 0.6 * t["turns"]
    large = 2 * noise > max(t["large"] * level, t["nats"]) and name == names.EVAL_LM_LOSS
    large = large and not _in_turn(value)
    large = large and not signals.beginnings(run)  # several starts in one log, whose steps lie over one another
    if level and noise > t["jumps"] * level and turns >= enough:
        yield RULE.finding(
            level=Level.WARNING if large else Level.INFO,
            headline=(
                f"{words.capital(words.called(name))} jumps by about {words.number(2 * noise)} from one evaluation to "
                f"the next, {words.percent(2 * noise / level)} of it: its best is the luckiest."
            ),
            evidence=(f"It turns round at {words.percent(turns)} of {len(column)} evaluations",),
            cause="Each evaluation is of other texts, or of very few; or dropout is on; or the student swings.",
            remedy="Evaluate one checkpoint twice: the two numbers must be equal.",
            first_step=float(column.step[0]),
            last_step=float(column.step[-1]),
            numbers={"deviation": noise, "turns": turns},
        )


def _in_turn(value: Floats) -> bool:
    """Whether every second value goes on where the last but one was: two sets of texts in turn, which is no chance."""
    return float(median(np.abs(value[2:] - value[:-2]))) < _SAME * float(median(np.abs(np.diff(value))))


RULE = Rule(
    code="R315",
    name="evaluation-jumps",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}",),
    check=check,
    thresholds={"jumps": 0.02, "turns": 0.5, "evaluations": 8, "large": 0.5, "nats": 1},
)
