"""The loss falls and the measure gets worse

## What it sees
An evaluation whose loss falls, and a measure beside it that gets worse nearly all along, by a good part of what it was:
one of which more is better, such as a token accuracy, the agreement with the teacher, ROUGE, BLEU, F1 or exact matches,
or one of which less is, a rate of errors. So is a token accuracy of the training beside its loss. Or a measure that is
one number, to the last digit, in all evaluations.

## Why it is bad
A student that says the text with more probability is mostly right more often. Where the two part, one of them is
measured wrongly, or they are of different things: predictions that are shifted by one against their labels, labels of
another tokenizer, padding that counts in one of them, texts that are generated at another temperature or cut too short,
or a student that becomes flatter and not better.

## Thresholds
- `falls = 0.05`: the share by which the evaluation's loss must fall from its first third to its last.
- `worse = 0.1`, `often = 0.8`: the share by which the measure must get worse, and its rank correlation with time.
- `evaluations = 6`, `records = 30`: fewest of both, of an evaluation and of the training.

## Example
```run fires
steps: 8 every 50
eval/loss: 5, 4.6, 4.3, 4.1, 4, 3.9, 3.8, 3.8
eval/agreement: 0.5, 0.48, 0.45, 0.41, 0.38, 0.35, 0.33, 0.32
```

```run quiet
steps: 8 every 50
eval/loss: 5, 4.6, 4.3, 4.1, 4, 3.9, 3.8, 3.8
eval/agreement: 0.3, 0.34, 0.33, 0.38, 0.41, 0.42, 0.44, 0.43
```

## Remedy
Print a few predictions with their labels at the first checkpoint and at the last, and count by hand.

## Sources
- TheDeepChecker (Ben Braiek and Khomh 2022), "Representativeness": a loss must go with the measure that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_OF_TRAINING = re.compile(r"(?:train[/_])?(?:mean_)?token_acc(?:uracy)?|train[/_]acc(?:uracy)?", re.IGNORECASE)
"""Those of which more is better, of the batches that are trained on."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one hint for the first measure that gets worse while the loss falls."""
    evaluated = signals.measures(run)
    trained = {name: -1.0 for name in run.columns if _OF_TRAINING.fullmatch(name) and len(run.columns[name])}
    told = (
        (run.get(names.EVAL_LM_LOSS) or run.get(names.EVAL_LOSS), evaluated, t["evaluations"], "the evaluation's"),
        (run.get(names.LOSS), trained, t["records"], "the training's"),
    )
    judged = False
    for loss, measures, least, what in told:
        if loss is None or not measures or len(loss) < least:
            continue
        judged = True
        if (yield from _beside(run, signals.finite(signals.tidy(loss)), measures, least, what, t)):
            return
    if not judged:
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations of a loss beside a measure whose better is known")


def _beside(
    run: Run, loss: Column, signs: Mapping[str, float], least: float, what: str, t: Thresholds
) -> Generator[Finding | Reading, None, bool]:
    """Yield a finding for the first of these measures that parts from ``loss``; return whether one does."""
    if len(loss) < max(least, 1):
        return False
    first, last = _ends(loss)
    if last > (1 - t["falls"]) * first:
        return False
    for name, sign in signs.items():
        measure = signals.finite(signals.tidy(run.columns[name]))
        if len(measure) < least:
            continue
        begin, end = _ends(measure)
        worse = sign * signals.rank_correlation(measure.value, np.arange(float(len(measure))))
        yield Reading(f"rank correlation of {words.called(name)} with time, where it gets worse", worse, "often")
        stands = bool(np.all(measure.value == measure.value[0]))
        if stands or (begin > 0 and sign * (end - begin) > t["worse"] * begin and worse >= t["often"]):
            yield _finding(name, measure, (begin, end), (first, last), what)
            return True
    return False


def _ends(column: Column) -> tuple[float, float]:
    """The medians of the first third and of the last."""
    third = max(1, len(column) // 3)
    return float(median(column.value[:third])), float(median(column.value[-third:]))


def _finding(name: str, measure: Column, ends: tuple[float, float], loss: tuple[float, float], what: str) -> Finding:
    moves = "falls" if ends[1] < ends[0] else "rises"
    stands = bool(np.all(measure.value == measure.value[0]))
    how = "is" if stands else f"{moves} from {words.number(ends[0])} to"
    return RULE.finding(
        headline=(
            f"{words.capital(words.called(name))} {how} {words.number(ends[1])}{' each time' if stands else ''} while "
            f"{what} loss falls from {words.number(loss[0])} to {words.number(loss[1])}: one of them does "
            "not measure the student."
        ),
        evidence=(f"{words.counted(len(measure), 'evaluation')}, medians of the first third and of the last",),
        cause="Predictions and labels are shifted, padded or cut in another way in one of the two; or they are of "
        "different texts.",
        remedy="Print a few predictions with their labels at the first checkpoint and at the last.",
        first_step=float(measure.step[0]),
        last_step=float(measure.step[-1]),
        numbers={"first": ends[0], "last": ends[1]},
    )


RULE = Rule(
    code="R323",
    name="measures-part",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}|{names.LOSS}",),
    check=check,
    thresholds={"falls": 0.05, "worse": 0.1, "often": 0.8, "evaluations": 6, "records": 30},
)
