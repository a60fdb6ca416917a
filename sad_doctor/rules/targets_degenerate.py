"""The soft targets say nothing

## What it sees
The entropy of the teacher's next-token distribution, in the median of the records, next to 0 or next to that of a
uniform distribution. Or a teacher whose own label loss on this text is no better than guessing, or clearly worse than
the student's at its first evaluation. Or a student that ends far past its teacher on the same held-out text, in bits
per byte or, with one vocabulary, in nats, while KD is in its loss. In a log of a total alone, a hint: a loss that is
next to nothing from the first record on.

## Why it is bad
A target of entropy 0 is a hard label: KD then is a second label loss, of what the teacher would say. One of full
entropy asks the student to know nothing. And a teacher that guesses, or knows less than the student, has nothing to
teach: its tokenizer, its weights or the alignment are not what is believed. So it is with one that the student has
passed, as one that is trained on this kind of text can: KD pulls it back.

## Thresholds
- `sharp = 0.05`: nats below which the targets are hard labels; a teacher on its own text has 1 to 3.
- `flat = 0.97`: the share of ln(vocabulary) above which they are uniform.
- `uniform = 0.98`: the share of ln(vocabulary) from which a teacher's loss is guessing: of its own vocabulary on
  held-out text, of the smaller one at compared positions.
- `even = 0.002`: a teacher's loss that varies by less than this share between batches is that of guessing: every text
  costs it ln(vocabulary).
- `worse = 1.25`, `nats = 0.5`: how far a teacher's held-out loss may lie above the student's first one.
- `past = 0.1`, `far = 0.25`: the share of the teacher's held-out loss by which the student's last two must lie below it
  for a hint and for a warning.
- `records = 5`: fewest records. `nothing = 0.008`, `all = 20`: the loss of the first records below which a total asks
  next to nothing, and how many records it needs.

## Example
```run fires
fact vocabulary_size: 49152
steps: 100
train/teacher_entropy: 10.6 ~ 0.02
train/raw/kd: 2 -> 0.1
```

```run quiet
fact vocabulary_size: 49152
steps: 100
train/teacher_entropy: 2.1 ~ 0.2
train/raw/kd: 2 -> 0.1
```

## Remedy
Evaluate the teacher alone, with its own tokenizer, on the text of the run. Lower the temperature towards 1 for flat
targets; raise it to 2, or drop KD for the label loss, where they are hard.

```toml
[terms.kd]
temperature = 1.0
```

## Sources
- Hinton et al. 2015, arXiv 1503.02531; Cho and Hariharan 2019, "On the Efficacy of Knowledge Distillation".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_SAME = 1e-6
"""A spread below this share is that of one batch, again and again: of the loader, not of the teacher."""

_SIGMAS, _RISE = 7.5, 0.2
"""Standard errors and share by which the teacher's loss rises at the step since when it does not know the text."""

_UNKNOWN = 262_144
_REWARDED = re.compile(r"reward|advantage|policy|logps", re.IGNORECASE)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the entropy, and one for a teacher that does not know the text."""
    uniform = signals.teacher_guess(run, names.TEACHER_ENTROPY) or math.log(_UNKNOWN)
    entropy, loss = _known(run, names.TEACHER_ENTROPY, t), _losses(run, t)
    past = _past(run)
    if past is not None:
        name, own, theirs = past
        share = 1 - own.last / theirs.last
        yield Reading("the student's held-out loss below the teacher's, as a share", share, "past")
        if _ends_below(own, theirs, t["past"]):
            yield _passed(run, past, Level.WARNING if _ends_below(own, theirs, t["far"]) else Level.INFO)
    elif entropy is None and not loss:
        if (nothing := _nothing(run, t)) is not None:
            yield nothing
            return
        raise TooFew("too few records of the teacher's entropy or loss")
    if entropy is not None:
        middle = float(median(entropy.value))
        yield Reading("entropy of the targets, nats", middle, "sharp")
        yield Reading("entropy over that of a uniform distribution", middle / uniform, "flat")
        if middle < t["sharp"] or middle > t["flat"] * uniform:
            yield _entropy(entropy, middle, uniform, sharp=middle < t["sharp"])
    for name, column in loss:
        middle = float(median(column.value))
        uniform = signals.teacher_guess(run, name) or math.log(_UNKNOWN)
        yield Reading("the teacher's loss over ln(vocabulary)", middle / uniform, "uniform")
        spread = float(np.std(column.value)) if len(column) >= t["records"] else float("nan")
        if name == names.TEACHER_LOSS and middle > 1 and _SAME * middle < spread < t["even"] * middle:
            alike = "the same on every batch, as of a teacher that guesses"
            yield _ignorant(name, column, alike, middle, Level.ERROR)
            return
        if middle > t["uniform"] * uniform:
            yield _ignorant(name, column, f"as bad as guessing ({words.number(uniform)} nats)", middle, Level.ERROR)
            return
        student = run.get(names.EVAL_LM_LOSS)
        first = None if student is None else float(student.value[0])
        if (
            first is not None
            and not (name == names.TEACHER_EVAL_LM_LOSS and _cut_apart(run))
            and middle > max(t["worse"] * first, first + t["nats"])
        ):
            worse = f"worse than the student's at its first evaluation ({words.number(first)})"
            yield _ignorant(name, column, worse, middle, Level.WARNING)
            return


def _past(run: Run) -> tuple[str, Column, Column] | None:
    """The column, the student's points and the teacher's on one held-out text, where KD is in the loss at the end."""
    weight = run.get(names.WEIGHT + names.KD)
    if all(run.get(kind + names.KD) is None for kind in (names.RAW, names.WEIGHTED)):
        return None
    if weight is not None and weight.last == 0:
        return None
    pairs = [(names.EVAL_BITS_PER_BYTE, names.TEACHER_EVAL_BITS_PER_BYTE)]
    pairs += [] if _cut_apart(run) else [(names.EVAL_LM_LOSS, names.TEACHER_EVAL_LM_LOSS)]
    for name, other in pairs:
        own, theirs = (None if (c := run.get(one)) is None else signals.finite(c) for one in (name, other))
        if own is not None and theirs is not None and len(own) > 1 and len(theirs) and theirs.last > 0:
            return name, own, theirs
    return None


def _ends_below(own: Column, theirs: Column, share: float) -> bool:
    return float(own.value[-2:].max()) < (1 - share) * theirs.last


def _passed(run: Run, past: tuple[str, Column, Column], level: Level) -> Finding:
    name, own, theirs = past
    unit = "bits per byte" if name == names.EVAL_BITS_PER_BYTE else "nats a token"
    perplexities = [run.get(one) for one in (names.EVAL_PERPLEXITY, names.TEACHER_EVAL_PERPLEXITY)]
    last = [words.number(one.last) for one in perplexities if one is not None]
    return RULE.finding(
        level=level,
        headline=(
            f"The student is past its teacher, and KD pulls it back: {words.number(own.last)} against "
            f"{words.number(theirs.last)} {unit} on the same held-out text."
        ),
        evidence=(
            f"First {words.number(float(own.value[0]))} at step {words.step(own.step[0])}, "
            f"{words.counted(len(own), 'evaluation')}",
            *([f"Perplexity {' against '.join(last)}, each per token of its own"] if len(last) > 1 else []),
        ),
        cause="The student is trained on this kind of text and the teacher was not; or the held-out text is in its "
        "training, or the teacher's weights or tokenizer are not what is believed.",
        remedy="Evaluate the teacher alone on this text. Take one that knows it, or train it there first; else let "
        "the weight of KD fall to 0.",
        first_step=float(own.step[0]),
        last_step=float(own.step[-1]),
        numbers={"student": own.last, "teacher": theirs.last},
    )


def _cut_apart(run: Run) -> bool:
    """Whether the two models cut the text into tokens of their own: nats per token are then no common measure."""
    return run.fact(names.TEACHER_VOCABULARY_SIZE) is not None


def _nothing(run: Run, t: Thresholds) -> Finding | None:
    """A total without parts that is next to nothing from the first record on, and is no reward's."""
    loss = run.get(names.LOSS)
    told = None if loss is None or any(_REWARDED.search(name) for name in run.columns) else signals.finite(loss)
    if told is None or len(told) < t["all"] or run.terms(names.RAW) or run.terms(names.WEIGHTED):
        return None
    first, most = float(median(told.value[: int(t["records"])])), float(np.max(told.value))
    if not 0 < first < t["nothing"] or most > 10 * first:
        return None
    return RULE.finding(
        level=Level.INFO,
        headline=f"The training loss is {words.number(first)} from the first record on: next to nothing is asked.",
        evidence=(f"At most {words.number(most)} in {len(told):,} records",),
        cause="As a divergence from a teacher: a temperature far too high, a teacher with random weights, a mean over "
        "the vocabulary too, or a student that is its teacher. As a loss of another kind it may be right.",
        remedy="Print the loss of one batch at a temperature of 1: a fresh student lies nats from a teacher that knows "
        "the text.",
        first_step=float(told.step[0]),
        last_step=float(told.step[-1]),
        numbers={"first": first},
    )


def _known(run: Run, name: str, t: Thresholds) -> Column | None:
    column = run.get(name)
    known = None if column is None else signals.finite(signals.tidy(column))
    fewest = 1 if name == names.TEACHER_EVAL_LM_LOSS else t["records"]
    return known if known is not None and len(known) >= fewest else None


def _losses(run: Run, t: Thresholds) -> list[tuple[str, Column]]:
    """Its loss on held-out text, and at the compared positions of the training: the second may be of other places."""
    known = ((name, _known(run, name, t)) for name in (names.TEACHER_EVAL_LM_LOSS, names.TEACHER_LOSS))
    return [(name, column) for name, column in known if column is not None]


def _entropy(column: Column, middle: float, uniform: float, *, sharp: bool) -> Finding:
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"The soft targets are {'hard labels' if sharp else 'uniform'}: the teacher's entropy is "
            f"{words.number(middle)} nats in the median{'' if sharp else f', of at most {words.number(uniform)}'}."
        ),
        evidence=(f"{words.counted(len(column), 'record')}, up to {words.number(float(column.value.max()))}",),
        cause=(
            "A temperature far below 1, logits on a larger scale, or a top-k of one."
            if sharp
            else "A temperature far too high, logits of 0 (padding, a wrong layer), or a teacher with random weights."
        ),
        remedy="Evaluate the teacher alone on this text; bring the temperature to 1 or 2.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"entropy": middle, "uniform": uniform},
    )


def _ignorant(name: str, column: Column, how: str, middle: float, level: Level) -> Finding:
    since = signals.breaks(column, _SIGMAS, _RISE)
    since = since if since is not None and since.after > since.before else None
    told = "" if since is None else f" Until step {words.step(since.step)} it was {words.number(since.before)}."
    return RULE.finding(
        level=level,
        headline=f"The teacher does not know this text: its own loss is {words.number(middle)}, {how}.{told}",
        evidence=(f"Median of {words.counted(len(column), 'record')} of {name}",),
        cause="Another tokenizer's ids, weights that were not loaded, misaligned positions; or text it never saw."
        if since is None
        else "From that step on the text is another one, such as a shard of another tokenizer, or the teacher is.",
        remedy="Evaluate the teacher alone, with its own tokenizer, on the text of the run, before any student.",
        first_step=float(column.step[0]) if since is None else since.step,
        last_step=float(column.step[-1]),
        numbers={"teacher": middle},
    )


RULE = Rule(
    code="R308",
    name="targets-degenerate",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.TEACHER_ENTROPY}|{names.TEACHER_EVAL_LM_LOSS}|{names.TEACHER_LOSS}",),
    check=check,
    thresholds={
        **{"sharp": 0.05, "flat": 0.97, "uniform": 0.98, "worse": 1.25, "nats": 0.5, "even": 0.002, "records": 5},
        **{"past": 0.1, "far": 0.25, "nothing": 0.008, "all": 20},
    },
)
