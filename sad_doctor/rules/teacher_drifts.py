"""The teacher changes

## What it sees
The teacher's own score on the held-out text, where it is logged more than once, is not always the same. Or its label
loss or its entropy on the training batches surely changes by a quarter from the first records to later ones. Or that
loss lies above the held-out one, by more than the two texts differ for the student: dropout.

## Why it is bad
A teacher is a fixed target. If it moves, its weights are in the optimizer or share storage with the student's, or it is
in train mode and its dropout makes every target another one. The KD term can then fall although the student learns
nothing: the teacher comes to meet it.

## Thresholds
- `change = 0.001`: the share by which the score on held-out text may differ; the arithmetic of another batch size moves
  less.
- `drift = 0.25`, `nats = 0.3`: how far its loss or entropy on training batches must surely move, as a share and at
  least: batches that come in an order of their own move it too.
- `above = 0.12`, `worse = 0.04`: how far its loss on training batches may lie above the held-out one, at least and as a
  share, after the difference of the texts is taken off.
- `sure = 0.08`: the share by which its entropy, where the log tells it, must change too: harder text costs a fixed
  teacher more, and leaves it about as sure as before. `far = 0.4`: without the entropy, the change of the loss from
  which it is more than a hint.
- `torn = 7.5`, `apart = 0.05`: standard errors and share of a break, as R408 has them. Where the student's label loss
  breaks at the same step it is the text that changed, which R408 tells.
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
from sad_doctor.signals.middle import median

_HELD_OUT = (names.TEACHER_EVAL_LM_LOSS, names.TEACHER_EVAL_BITS_PER_BYTE)
_ALIKE = 0.01
_BLOCKS = 10
_WAVES = 0.5
"""The share of its variance by which it has a period: see R413."""
_FIRST = 4
"""Records that stand for the teacher as it came: a teacher in the optimizer moves within the first steps."""

_MIXED = (0.6, 0.35)
"""Batches that differ by so much of the gap, and of the level, are of texts of which the teacher knows some."""

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
            start, late = known.value[:_FIRST], known.value[len(known) // 3 :]
            late = max(np.array_split(late, 2), key=lambda half: abs(float(median(half) - median(start))))
            gain, level = signals.gain(start, late), abs(float(median(start)))
            yield Reading(f"change of {name}, as a share", gain.amount / level if level else float("nan"), "drift")
            limit = max(t["drift"] * level, t["nats"])
            left = _leaves(float(known.value[0]), late, t)
            moved = left or gain.surely_above(limit, sigmas=4) or gain.surely_below(-limit, sigmas=4)
            if moved and not _with_the_labels(run, known, t):
                first, last = float(known.value[0]) if left else float(median(start)), float(median(late))
                if name == names.TEACHER_LOSS and (surely := _beyond_the_text(run, first, last, t)) is not None:
                    yield _finding(name, known, first, last, Level.WARNING if surely else Level.INFO)
                    return
                if name != names.TEACHER_LOSS:
                    yield _finding(name, known, first, last, Level.WARNING)
                    return
    gap = signals.teacher_gap(run, int(t["records"]))
    if gap is not None and gap.known:
        judged += 1
        yield Reading("the teacher's loss in training above its held-out one, nats", gap.gap, "above")
        if gap.gap - 3 * gap.error > max(t["above"], t["worse"] * gap.held_out) and _from_the_start(run, gap):
            yield _in_training(run.columns[names.TEACHER_LOSS], gap)
    if not judged:
        raise TooFew("the teacher's score is logged once, or in too few records")


def _from_the_start(run: Run, gap: signals.TeacherGap) -> bool:
    """Whether the gap is there in the first third too: dropout is, text that gets harder is not.

    A loss that is the same on every batch is that of flat targets, which another rule tells.
    """
    known = signals.finite(signals.tidy(run.columns[names.TEACHER_LOSS])).value
    if float(np.std(known)) < _ALIKE * gap.training:
        return False
    noise = float(median(np.abs(np.diff(known)))) * 1.0483  # neighbours differ by 0.6745 sqrt(2) sigma
    if noise > max(_MIXED[0] * gap.gap, _MIXED[1] * gap.training):
        return False  # some batches are as good as held-out text, which no mode leaves them
    levels = signals.blocks(signals.tidy(run.columns[names.TEACHER_LOSS]), _BLOCKS)
    if levels is not None and levels.range - 3 * float(np.max(levels.error)) > 0.4 * gap.gap:
        return False  # its level comes and goes with the texts, which have an order of their own: no mode does that
    if signals.waves(signals.finite(signals.tidy(run.columns[names.TEACHER_LOSS])), _WAVES) is not None:
        return False  # and so does it with a period
    return float(median(known[: len(known) // 3])) - (gap.training - gap.gap) > 0.5 * gap.gap


def _in_training(column: Column, gap: signals.TeacherGap) -> Finding:
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"The teacher is worse in training than when it is evaluated: its loss is {words.number(gap.training)} on "
            f"training batches, {words.number(gap.held_out)} on held-out text."
        ),
        evidence=(f"{words.number(gap.gap)} ± {words.number(2 * gap.error)} nats beyond the difference of the texts",),
        cause="The teacher is in train mode, so that dropout makes each target a worse one; or it reads other tokens.",
        remedy="teacher.eval() before the training, and again after anything that calls train() on both.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"training": gap.training, "held_out": gap.held_out, "gap": gap.gap},
    )


def _beyond_the_text(run: Run, first: float, last: float, t: Thresholds) -> bool | None:
    """Whether the change of its loss is the teacher's: None if the text's, False if the log does not tell.

    Harder text costs a fixed teacher more and leaves it about as sure as before: its entropy hardly moves.
    """
    entropy = run.get(names.TEACHER_ENTROPY)
    known = None if entropy is None else signals.finite(signals.tidy(entropy))
    if known is None or len(known) < t["records"]:
        return abs(last - first) > t["far"] * max(abs(first), abs(last))
    start, late = (float(median(v)) for v in (known.value[:1], known.value[len(known) // 3 :]))
    return True if abs(late - start) > t["sure"] * max(start, late) else None


def _with_the_labels(run: Run, column: Column, t: Thresholds) -> bool:
    """Whether it breaks at one step at which the student's label loss breaks too: the text is another from there on."""
    label, found = signals.label_loss(run), signals.breaks(column, t["torn"], t["apart"])
    there = None if label is None or found is None else signals.torn(label[1], found.step)
    return there is not None and there.sigmas > t["torn"]


def _leaves(first: float, later: Floats, t: Thresholds) -> bool:
    """Whether the very first record lies far outside of all later ones: a teacher that a few steps have changed."""
    level = float(median(later))
    return abs(first - level) > max(t["drift"] * max(abs(first), level), t["nats"], 8 * float(np.std(later)))


def _finding(name: str, column: Column, first: float, last: float, level: Level) -> Finding:
    held_out = name in _HELD_OUT
    what = "held-out text" if held_out else "the training batches"
    kind = "entropy" if name == names.TEACHER_ENTROPY else "own loss"
    return RULE.finding(
        level=level,
        headline=(
            f"The teacher changes: its {kind} on {what} goes from {words.number(first)} to {words.number(last)}."
        ),
        evidence=(words.spread(column.value.tolist(), "record", of=f" of {name}"),),
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
    code="R307",
    name="teacher-drifts",
    level=Level.ERROR,
    page=__doc__,
    needs=("|".join((*_HELD_OUT, *_TRAINING)),),
    check=check,
    thresholds={
        "change": 0.001,
        "drift": 0.25,
        "nats": 0.3,
        "above": 0.12,
        "worse": 0.04,
        "sure": 0.08,
        "far": 0.4,
        "records": 30,
        **{"torn": 7.5, "apart": 0.05},
    },
)
