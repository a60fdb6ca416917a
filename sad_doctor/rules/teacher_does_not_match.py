"""The teacher speaks of other text

## What it sees
The teacher's loss on the labels of the training batches, far above its loss on held-out text, or as bad as guessing. If
the training text is harder for the student too, as far as the log tells it, that much is taken off. A teacher that
guesses on held-out text as well knows nothing (R308), unless its entropy says that it is sure of what it says. Where
the log tells neither its held-out loss nor the size of the vocabulary: a teacher whose loss no teacher of that text
has, and whose student is far better than it at the end; a warning.

## Why it is bad
A teacher that knows the text and guesses its labels is asked about other labels: its positions are shifted by one, its
ids are another tokenizer's, or the texts of the batch are in another order. KD then teaches the student the right words
at the wrong places. The curves look almost right, as frequencies of tokens can be learned from any text.

## Thresholds
- `nats = 1`, `share = 0.25`: how far the loss must lie above the held-out one, at least and as a share of it.
- `uniform = 0.98`: the share of ln(vocabulary) from which it is as bad as guessing.
- `surprise = 0.5`: nats by which its loss must exceed its entropy, where the log tells that: a teacher of flat targets
  is told by another rule.
- `sure = 0.5`: the share of ln(vocabulary) below which one that guesses everywhere is sure by its entropy.
- `lost = 5`, `behind = 2.5`, `plausible = 1`: nats of the teacher's loss, a perplexity of 150, and nats above that of
  the student's labels, from which on it is lost, of a student whose own loss is no less than a text costs.
- `records = 20`: fewest records on training batches.

## Example
```run fires
fact vocabulary_size: 192
steps: 1, 2
teacher/lm_loss: 3.08, 3.08
steps: 100
train/teacher_lm_loss: 7 ~ 0.15
train/raw/kd: 2 -> 1.8
```

```run quiet
fact vocabulary_size: 192
steps: 1, 2
teacher/lm_loss: 3.08, 3.08
steps: 100
train/teacher_lm_loss: 3.2 ~ 0.15
train/raw/kd: 2 -> 0.8
```

## Remedy
Print the text of teacher and student around three compared positions. Feed both from one list of texts; map ids by the
bytes of the tokens; shift logits once. `sad verify` reproduces each of these.

```sh
sad verify V102 V113 V305 V313
```

## Sources
- The failed runs this project starts from: positions cut to the shorter of 168 and 160 tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew, require
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a teacher that does not know the labels."""
    column = signals.finite(signals.tidy(run.columns[names.TEACHER_LOSS]))
    require(len(column), t["records"], "record", "of the teacher's loss")
    guessed = signals.teacher_guess(run, names.TEACHER_LOSS)
    gap = signals.teacher_gap(run, int(t["records"]))
    if gap is None and guessed is None:
        if (behind := _behind(run, column, t)) is not None:
            yield behind
            return
        raise TooFew("the log has neither the teacher's held-out loss nor the size of the vocabulary to compare with")
    level = float(median(column.value[len(column) // 3 :]))
    uniform = float("inf") if guessed is None else guessed
    yield Reading("the teacher's loss on training batches over ln(vocabulary)", level / uniform, "uniform")
    far = False
    if gap is not None:
        yield Reading("the same above its held-out loss, nats", gap.gap, "nats")
        far = gap.gap - 3 * gap.error > max(t["nats"], t["share"] * gap.held_out)
    if not far and level <= t["uniform"] * uniform:
        return
    told = run.get(names.TEACHER_ENTROPY)
    entropy = np.empty(0) if told is None else signals.finite(told).value
    if entropy.size and level < float(median(entropy)) + t["surprise"]:
        return  # it is not surprised: it does not know, and says so
    lost = gap is not None and gap.held_out > t["uniform"] * uniform
    if not far and lost and not (entropy.size and float(median(entropy)) < t["sure"] * uniform):
        return  # it knows nothing at all, which is another story; one that is sure, and wrong on all text, is not that
    begin = float(median(column.value[:3]))
    moved = gap is not None and not lost and begin < gap.held_out + 0.5 * (level - gap.held_out)
    if moved:
        return  # it did know the text at first: it changes
    held = "" if gap is None else f", {words.number(gap.held_out)} on held-out text"
    guess = f"; guessing gives {words.number(uniform)}" if math.isfinite(uniform) else ""
    yield RULE.finding(
        headline=(
            f"The teacher speaks of other text: its loss on the training labels is {words.number(level)}{held}{guess}."
        ),
        evidence=(
            f"Median of {words.counted(len(column), 'record')}; lowest {words.number(float(column.value.min()))}",
            *(["The difference of the two texts, told by the student, is taken off"] if gap and gap.known else []),
        ),
        cause="Positions shifted by one, another tokenizer's ids, or the texts of the batch in another order.",
        remedy="Print both models' text around three compared positions; map ids by the bytes of their tokens.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"training": level, "uniform": uniform},
    )


def _behind(run: Run, teacher: Column, t: Thresholds) -> Finding | None:
    """A teacher that is far worse than its student, on the same labels, than any teacher of the text is."""
    label = signals.label_loss(run)
    if label is None or label[0].startswith(names.WEIGHTED) or len(label[1]) < t["records"]:
        return None
    ends = [one.value[-max(5, len(one) // 5) :] for one in (label[1], teacher)]
    own, theirs = (float(median(end)) for end in ends)
    if own < t["plausible"] or theirs < max(t["lost"], own + t["behind"]):
        return None
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"The teacher does not know the text: its loss on the training labels is {words.number(theirs)}, where its "
            f"student's is {words.number(own)}."
        ),
        evidence=(
            f"Medians of the last fifth of {words.counted(len(teacher), 'record')}; a perplexity of "
            f"{words.number(float(np.exp(theirs)))} beside {words.number(float(np.exp(own)))}",
        ),
        cause="Positions shifted by one, another tokenizer's ids, a teacher of other text, or no weights loaded.",
        remedy="Let the teacher continue a text of yours, loaded as the run loads it; then compare the labels of both.",
        first_step=float(teacher.step[0]),
        last_step=float(teacher.step[-1]),
        numbers={"training": theirs, "student": own},
    )


RULE = Rule(
    code="R214",
    name="teacher-does-not-match",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.TEACHER_LOSS,),
    check=check,
    thresholds={
        "nats": 1,
        "share": 0.25,
        "uniform": 0.98,
        "surprise": 0.5,
        "sure": 0.5,
        "records": 20,
        "lost": 5,
        "behind": 2.5,
        "plausible": 1,
    },
)
