"""The teacher changes

## What it sees
The teacher's own score on the held-out text, where it is logged more than once, is not always the same. Or its label
loss or its entropy on the training batches surely changes by a quarter from the first records to the last third.

## Why it is bad
A teacher is a fixed target. If it moves, its weights are in the optimizer or share storage with the student's, or it is
in train mode and its dropout makes every target another one. The KD term can then fall although the student learns
nothing: the teacher comes to meet it.

## Thresholds
- `change = 0.001`: the share by which the score on held-out text may differ; the arithmetic of another batch size moves
  less.
- `drift = 0.25`, `nats = 0.3`: how far its loss or entropy on training batches must surely move, as a share and at
  least: batches that come in an order of their own move it too.
- `records = 30`: fewest records on training batches.

## Example
```run fires
steps: 3 every 500
teacher/lm_loss: 3.09, 3.21, 3.64
```

```run quiet
steps: 3 every 500
teacher/lm_loss: 3.09, 3.09, 3.09
steps: 200
train/teacher_lm_loss: 3.1 ~ 0.2
```

## Remedy
`teacher.eval()`, `teacher.requires_grad_(False)`, its forward under `torch.no_grad()`, and an optimizer that is given
the student's parameters only. `sad verify` trains a step and compares the teacher bit for bit.

```toml
[teacher]
model = "HuggingFaceTB/SmolLM-360M"
```

## Sources
- The failed runs this project starts from: the teacher was left in train mode.
- Hinton et al. 2015, arXiv 1503.02531: the teacher is trained first, then fixed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run

CODE, NAME = "R307", "teacher-drifts"

_HELD_OUT = (names.TEACHER_EVAL_LM_LOSS, names.TEACHER_EVAL_BITS_PER_BYTE)
_TRAINING = (names.TEACHER_LOSS, names.TEACHER_ENTROPY)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a teacher that moves."""
    judged = 0
    for name in (*_HELD_OUT, *_TRAINING):
        column = run.get(name)
        known = None if column is None else signals.finite(signals.tidy(column))
        if known is None or len(known) < (2 if name in _HELD_OUT else t["records"]):
            continue
        judged += 1
        if name in _HELD_OUT:
            change = float(np.ptp(known.value)) / max(abs(float(known.value[0])), 1e-12)
            yield Reading(f"spread of {name}, as a share", change, "change")
            if change > t["change"]:
                yield _finding(name, known, float(known.value[0]), known.last, Level.ERROR)
                return
        else:
            ends = _ends(known)
            gain, level = signals.gain(*ends), abs(float(np.median(ends[0])))
            yield Reading(f"change of {name}, as a share", gain.amount / level if level else float("nan"), "drift")
            limit = max(t["drift"] * level, t["nats"])
            first, last = (float(np.median(v)) for v in ends)
            moved = gain.surely_above(limit, sigmas=3) or gain.surely_below(-limit, sigmas=3)
            if not moved and _leaves(float(known.value[0]), ends[1], t):
                moved, first = True, float(known.value[0])
            if moved:
                yield _finding(name, known, first, last, Level.WARNING)
                return
    if not judged:
        raise TooFew("the teacher's score is logged once, or in too few records")


def _ends(column: Column) -> tuple[Floats, Floats]:
    """The first records and the last third: a teacher that is trained moves most at the beginning."""
    return column.value[: max(5, len(column) // 20)], column.value[-(len(column) // 3) :]


def _leaves(first: float, later: Floats, t: Thresholds) -> bool:
    """Whether the very first record lies far outside of all later ones: a teacher that a few steps have changed."""
    level = float(np.median(later))
    apart = abs(first - level)
    return apart > max(t["drift"] * max(abs(first), level), t["nats"], 8 * float(np.std(later)))


def _finding(name: str, column: Column, first: float, last: float, level: Level) -> Finding:
    held_out = name in _HELD_OUT
    what = "held-out text" if held_out else "the training batches"
    kind = "entropy" if name == names.TEACHER_ENTROPY else "own loss"
    return Finding(
        rule=CODE,
        name=NAME,
        level=level,
        headline=(
            f"The teacher changes: its {kind} on {what} goes from {words.number(first)} to {words.number(last)}."
        ),
        evidence=(
            f"Between {words.number(float(column.value.min()))} and {words.number(float(column.value.max()))} in "
            f"{words.counted(len(column), 'record')} of {name}",
        ),
        cause=(
            "The teacher is trained, or is in train mode (dropout), or shares weights with the student."
            if held_out
            else "The teacher is trained or in train mode; or the batches come in an order of their own."
        ),
        remedy="teacher.eval(), requires_grad_(False), no_grad, and only the student's parameters in the optimizer.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"first": first, "last": last},
    )


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.ERROR,
    page=__doc__,
    needs=("|".join((*_HELD_OUT, *_TRAINING)),),
    check=check,
    thresholds={"change": 0.001, "drift": 0.25, "nats": 0.3, "records": 30},
)
