"""The label loss is too low for text

## What it sees
The evaluation's label loss (else the logarithm of its perplexity), in the median of its last points, below what any
text costs; or far below its teacher's on the same held-out text. Without an evaluation of it, the label loss of the
training, if no evaluation says otherwise: a training text that was learned by heart while the held-out text was not is
overfitting, and told as that. Or, where the log has the teacher's own loss on the same batches, a label loss of the
training far below that. Where the log has no label loss at all, the evaluation's loss of a training that began far
above it may be one: next to 0 it is a hint, and beside a token accuracy of nearly 1 a warning. A hint, too, is a
label loss of the training that comes down from that of a student that knows nothing within its first steps. Where it
is of classes, as a term that is called after a task or an accuracy that is not said to be of tokens lets one think, it
may rightly be near 0, and is a hint.

## Why it is bad
The next token of a text cannot be known: English costs a large model two to three nats a token, code about one. A loss
next to 0 says that the answer is in the input: labels that were not shifted, so that each position predicts the token
that it reads; attention without its causal mask; held-out text that is in the training set, a few texts seen over and
over; or labels that are nearly all masked, so that what is left is a fixed template. The perplexity is then near 1.

## Thresholds
- `nats = 0.3`: a label loss below this, in nats a token.
- `teacher = 0.4`: the share of the teacher's own loss below which a student that reads the same text cannot be by
  learning from it; it is a hint.
- `lost = 5`: a teacher of so many nats, beside a label loss that a text may have, is what is wrong (R214).
- `half = 0.5`, `under = 1`: the share of the teacher's loss on the same held-out text, and the distance in nats, below
  which it is a warning: a student trained on a narrow text can pass a general teacher, but hardly by half.
- `total = 0.03`, `began = 1`: an evaluation's loss below this, of a training that began above that, in nats, where
  nothing tells whether it is the label loss; `accuracy = 0.98`: the token accuracy that tells.
- `left = 0.001`: the share of its beginning below which a total of the training, of which the log tells no more, has
  nothing left; a hint.
- `nothing = 4`, `knows = 1.5`: nats from which and below which that is, within `quick = 100` steps, or `epoch = 0.5`
  where the log counts epochs alone.
- `records = 20`: fewest records of the training's label loss; `last = 3`: so many of the last evaluations count.

## Example
```run fires
steps: 10 every 100
eval/lm_loss: 9.8, 4.1, 1.2, 0.4, 0.15, 0.08, 0.05, 0.04, 0.03, 0.03
```

```run quiet
steps: 10 every 100
eval/lm_loss: 9.8, 6.1, 4.9, 4.2, 3.8, 3.6, 3.4, 3.3, 3.2, 3.2
steps: 1000
train/raw/lm: 9 -> 0.2 ~ 0.01
```

## Remedy
Print one batch: the label beside each input token must be the token after it. Change one token in the middle of a text:
no logit before it may move. `sad verify` does both.

```sh
sad verify
```

## Sources
- Karpathy 2019, "A Recipe for Training Neural Networks": look at the data just before it enters the model.
- Shannon 1951, "Prediction and Entropy of Printed English": about one bit a character.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_FEW = 3
"""So many records stand for a level."""

_TASK = "task"
"""The term that the losses of a classification are read as."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a label loss that no text has."""
    early = _at_once(run, t)
    if early is None:
        yield from _at_last(run, t)
        return
    try:
        told = list(_at_last(run, t))
    except TooFew:
        told = []
    yield from told if any(isinstance(one, Finding) for one in told) else (*told, early)


def _at_last(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the level of the end."""
    found = _series(run, t)
    if found is None and (total := _total(run, t) or _nothing_left(run, t)) is not None:
        yield total
        return
    if found is None:
        raise TooFew("the log has neither evaluations nor enough records of the label loss before its weight")
    name, column, recent = found
    end = float(median(column.value[-recent:]))
    yield Reading(f"{words.called(name)} at the end, nats", end, "nats")
    classes = signals.of_classes(run) or name.endswith(f"/{_TASK}")
    if 0 < end < (t["total"] if classes else t["nats"]):
        how = f"below {words.number(t['nats'])}, which no text costs" + (", though classes may" if classes else "")
        yield _finding(name, column, end, how, Level.INFO if classes else Level.WARNING)
        return
    label = signals.label_loss(run)
    trained = label is not None and bool(np.any(label[1].value != 0))
    if name.startswith("eval/") and len(column) >= t["last"] and not np.any(np.abs(column.value) > 1e-9) and trained:
        yield _finding(name, column, 0.0, "and was so each time: it is not computed", Level.WARNING)
        return
    bar = signals.teacher_held_out(run)
    if bar is not None and name == names.EVAL_LM_LOSS:
        yield Reading("the held-out loss over the teacher's", end / bar if bar else float("nan"), "half")
        if 0 < column.last < min(t["half"] * bar, bar - t["under"]):
            yield _finding(name, column, column.last, f"where its teacher's is {words.number(bar)}", Level.WARNING)
            return
    told = run.get(names.TEACHER_LOSS)
    teacher = None if told is None else signals.finite(told)
    if teacher is None or label is None or min(len(teacher), len(label[1])) < t["records"]:
        return
    fifth = max(5, len(label[1]) // 5)
    own, theirs = float(median(label[1].value[-fifth:])), float(median(teacher.value[-fifth:]))
    yield Reading("the label loss over the teacher's own", own / theirs if theirs else float("nan"), "teacher")
    if 0 < own < t["teacher"] * theirs and not (own >= t["under"] and theirs >= t["lost"]):
        yield _finding(label[0], label[1], own, f"where the teacher's own is {words.number(theirs)}", Level.INFO)


def _at_once(run: Run, t: Thresholds) -> Finding | None:
    """A label loss that comes down from that of a student that knows nothing faster than a text can be learned."""
    parted = run.terms(names.RAW) or run.terms(names.WEIGHTED)
    loss = run.get(names.LOSS)
    found = signals.label_loss(run)
    if not parted and loss is not None and any("token_accuracy" in name for name in run.columns):
        found = names.LOSS, signals.finite(signals.tidy(loss))  # what such a trainer logs is the label loss alone
    if found is None or len(found[1]) < t["records"]:
        return None
    name, column = found
    first = float(median(column.value[: _FEW // 2 + 1]))
    quick = column.step - run.first_step <= (t["epoch"] if run.facts.get(names.STEP_UNIT) == "epoch" else t["quick"])
    low = np.flatnonzero(quick & (column.value < t["knows"]))
    later = column.value[low[0] :] if low.size else np.empty(0)
    if first < t["nothing"] or low.size < _FEW or float(median(later)) > t["knows"] or np.any(later <= t["nats"]):
        return None
    at, came = words.step(float(column.step[low[0]])), words.number(float(column.value[low[0]]))
    return replace(
        _finding(name, column, column.last, "", Level.INFO),
        headline=f"{_called(name)} comes down from {words.number(first)} to {came} by step {at}: no text is learned so "
        "fast.",
        cause="Most labels cost nothing: padding or a template that counts, one token again and again; or the answer "
        "is in the input.",
        remedy="Print a batch with its labels; padding and template have none (-100).",
    )


def _total(run: Run, t: Thresholds) -> Finding | None:
    """An evaluation's loss next to 0 that may be the label loss: no part is told, and the training began high."""
    evaluated, loss = run.get(names.EVAL_LOSS), run.get(names.LOSS)
    if evaluated is None or loss is None or run.terms(names.RAW) or run.terms(names.WEIGHTED):
        return None
    known, trained = signals.finite(signals.tidy(evaluated)), signals.finite(signals.tidy(loss))
    if len(known) < t["last"] or len(trained) < t["records"]:
        return None
    end = float(median(known.value[-max(int(t["last"]), 1) :]))
    if not 0 < end < t["total"] or float(np.max(trained.value[:5])) < t["began"]:
        return None
    right = next((column.last for name, column in run.columns.items() if "token_accuracy" in name and len(column)), 0.0)
    sure = t["accuracy"] <= right <= 1
    how = f"with a token accuracy of {words.number(right)}: no text is so certain"
    return _finding(
        names.EVAL_LOSS,
        known,
        end,
        how if sure else "which no text costs, if it is the label loss",
        Level.WARNING if sure else Level.INFO,
    )


def _nothing_left(run: Run, t: Thresholds) -> Finding | None:
    """A total of the training that falls to a thousandth of its beginning, in a log that tells no more of it."""
    loss = None if signals.evaluations(run) else run.get(names.LOSS)
    known = None if loss is None else signals.finite(signals.tidy(loss))
    if known is None or len(known) < t["records"] or run.terms(names.RAW) or run.terms(names.WEIGHTED):
        return None
    begun, late = float(median(known.value[:_FEW])), known.value[-(len(known) // 5) :]
    if begun < t["began"] or float(median(late)) <= 0 or float(np.max(late)) > t["left"] * begun:
        return None
    told = _finding(names.LOSS, known, float(median(late)), f"from {words.number(begun)} at the beginning", Level.INFO)
    return replace(
        told,
        evidence=(
            f"{words.counted(len(known), 'record')}, at most {words.number(float(np.max(late)))} in the last fifth",
        ),
        cause="What is asked comes to meet the student: targets that are trained or say one thing for all texts, no "
        "centering; or the answer is in the input, or known by heart.",
        remedy="Take the loss of a few texts that it never saw, and look whether answers differ from text to text.",
    )


def _series(run: Run, t: Thresholds) -> tuple[str, Column, int] | None:
    evaluated = run.get(names.EVAL_LM_LOSS)
    if evaluated is not None and len(known := signals.finite(signals.tidy(evaluated))):
        return names.EVAL_LM_LOSS, known, min(len(known), int(t["last"]))
    perplexity = run.get(names.EVAL_PERPLEXITY)
    if perplexity is not None and len(known := signals.finite(signals.tidy(perplexity))) and known.value.min() >= 1:
        column = Column(known.step, np.log(known.value))
        return names.EVAL_PERPLEXITY, column, min(len(column), int(t["last"]))
    label = signals.label_loss(run)
    if label is None or len(label[1]) < t["records"] or run.get(names.EVAL_LOSS) is not None:
        return None
    return label[0], label[1], max(int(t["records"]), len(label[1]) // 5)


def _called(name: str) -> str:
    logarithm = name == names.EVAL_PERPLEXITY
    return "The logarithm of the perplexity" if logarithm else words.capital(words.called(name))


def _finding(name: str, column: Column, value: float, how: str, level: Level) -> Finding:
    return RULE.finding(
        level=level,
        headline=f"{_called(name)} is {words.number(value)} at the end, {how}.",
        evidence=(
            f"First {words.number(float(column.value[0]))}, last {words.number(column.last)}, "
            f"{words.counted(len(column), 'record')}; a perplexity of {words.number(float(np.exp(value)))}",
        ),
        cause="The answer is in the input: labels that are not shifted, no causal mask; or the text is known by heart.",
        remedy="Print a batch with its labels; change one token and see that no logit before it moves.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"value": value},
    )


RULE = Rule(
    code="R311",
    name="label-loss-too-low",
    hint=Hint.PICTURE,
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.LOSS}|{names.EVAL_LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={
        "total": 0.03,
        "began": 1,
        "left": 0.001,
        "accuracy": 0.98,
        "nats": 0.3,
        "teacher": 0.4,
        "half": 0.5,
        "under": 1,
        "lost": 5,
        "records": 20,
        "last": 3,
        **{"nothing": 4, "knows": 1.5, "quick": 100, "epoch": 0.5},
    },
)
