"""The student is worse than guessing

## What it sees
The last evaluation's label loss, or the median of the last training records of it before its weight, above the
logarithm of the vocabulary. Where the log does not tell the vocabulary, the largest usual one stands for it. Or it
stays at it although KD surely falls. A loss far above it is a sum: where the log tells how many tokens a record holds,
and the loss over that number is what a text costs, the finding says so. A first record far above it, which later ones
leave, is a hint.

## Why it is bad
A model that gives every token the same probability pays ln(vocabulary): 10.8 nats for 49,152 tokens, 11.9 for 151,936.
Who pays more has learned something wrong with confidence. It is not a matter of more steps: labels of another
tokenizer, labels shifted twice or not at all, an output layer that is not tied or was loaded for another vocabulary,
logits multiplied by a temperature, or a loss that is a sum.

## Thresholds
- `over = 1.1`: how far above ln(vocabulary), as a factor: a student with random weights starts a little above.
- `stays = 0.97`: the factor below which a label loss has left guessing, while KD falls by `kd = 0.15`, as a share.
- `apart = 1.5`: an evaluation so many times the training's label loss, with that below ln(vocabulary), is another
  objective and not the student's.
- `sum = 3`: from so many times ln(vocabulary) on a loss is a sum.
- `start = 1.3`: the first record, as a factor, from which the hint is given.
- `unknown = 262144`: the vocabulary where the log tells none; ln of it is 12.5.
- `records = 20`: fewest records of the training's label loss.

## Example
```run fires
fact vocabulary_size: 49152
steps: 4 every 500
eval/lm_loss: 14.2, 13.1, 12.7, 12.6
```

```run quiet
fact vocabulary_size: 49152
steps: 4 every 500
eval/lm_loss: 10.9, 7.2, 5.1, 4.4
```

## Remedy
Decode one batch: are the labels the text that follows? Evaluate the student before any step; it must be below
ln(vocabulary). `sad verify` checks the shift, the head and the mean.

```toml
[student]
model = "HuggingFaceTB/SmolLM-135M"
```

## Sources
- Karpathy 2019, "A Recipe for Training Neural Networks": verify the loss at initialisation.
- TheDeepChecker (Ben Braiek and Khomh 2022), "Initial loss".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_COUNTS = (names.TOKENS, "train/num_tokens", "num_tokens", "n_tokens", "tokens", "ntokens", names.LENGTH)
"""Columns that may tell how many tokens a record's loss is summed over."""

_NEAR = 1.2
"""An evaluation that lies further above the training than by this factor is of other text, or in another unit."""

_WEIGHT = 10
"""A weight larger than this is none that anybody means."""

_EARLY = 0.02
"""Share of the logged steps up to which an evaluation is of the student as it came."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for an end above the uniform loss, or a hint for such a beginning."""
    told = run.fact(names.VOCABULARY_SIZE)
    size = told if told and told > 1 else t["unknown"]
    uniform = math.log(size)
    found = _series(run, t)
    if found is None:
        raise TooFew("the log has neither an evaluation of the label loss nor enough records of it before its weight")
    name, column, recent = found
    if name == names.EVAL_LM_LOSS and float(column.step[-1]) <= run.first_step + _EARLY * (
        run.last_step - run.first_step
    ):
        raise TooFew("the label loss was evaluated at the beginning only")
    end = float(median(column.value[-recent:]))
    first = float(column.value[0])
    yield Reading(f"{words.called(name)} at the end over ln(vocabulary)", end / uniform, "over")
    yield Reading(f"{words.called(name)} at the beginning over ln(vocabulary)", first / uniform, "start")
    known = f"ln({words.step(size)}) is {words.number(uniform)}" + ("" if told else "; the vocabulary is assumed")
    training = _training(run, t)
    if training is None or end < _NEAR * training:
        yield from _stays(run, name, column, (end, uniform), known, t)
    if (
        name == names.EVAL_LM_LOSS
        and training is not None
        and end > t["apart"] * training
        and training < t["over"] * uniform
    ):
        raise TooFew(
            f"the training's label loss is {words.number(training)}, the evaluation's {words.number(end)}: not the "
            "same objective"
        )
    if name == names.LOSS and end > t["over"] * uniform:
        return  # a total may be a sum, of which R201, R304 and R320 tell
    if end > t["over"] * uniform:
        unsure = end < _WEIGHT * uniform and _may_be_weighted(run, name)
        finding = _finding(name, column, end, known, Level.INFO if unsure else Level.ERROR)
        yield _a_sum(run, column, finding, uniform) if end > t["sum"] * uniform else finding
    elif first > t["start"] * uniform:
        yield _finding(name, column, first, known, Level.INFO)


def _may_be_weighted(run: Run, name: str) -> bool:
    """Whether the value may hold a weight: a part beside others, in a log that tells no weights."""
    return name.startswith(names.RAW) and not run.terms(names.WEIGHT) and len(run.terms(names.RAW)) > 1


def _training(run: Run, t: Thresholds) -> float | None:
    label = signals.label_loss(run)
    if label is None:
        # parts of unknown weight: no part is larger than the total
        loss = run.get(names.LOSS)
        label = (
            None if loss is None or not signals.parts(run).terms else (names.LOSS, signals.finite(signals.tidy(loss)))
        )
    if label is None or len(label[1]) < t["records"]:
        return None
    return float(median(label[1].value[-max(int(t["records"]), len(label[1]) // 5) :]))


def _stays(
    run: Run, name: str, column: Column, levels: tuple[float, float], known: str, t: Thresholds
) -> Iterator[Finding]:
    """A label loss that stays at guessing while the student learns from the teacher."""
    end, uniform = levels
    kd = signals.unweighted(run, [names.KD])
    ends = None if kd is None else signals.ends(kd[1])
    if ends is None or len(column) < 4 or not t["stays"] * uniform <= end <= t["over"] * uniform:
        return
    if run.fact(names.VOCABULARY_SIZE) and signals.gain(*ends).surely_above(t["kd"] * abs(float(median(ends[0])))):
        yield _finding(name, column, end, known, Level.ERROR, "no better than")


def _a_sum(run: Run, column: Column, finding: Finding, uniform: float) -> Finding:
    """The finding of a loss that no mean over tokens has: divided by what, it is one."""
    for name in _COUNTS:
        count = run.get(name)
        told = None if count is None else signals.finite(signals.tidy(count))
        if told is None or bool(np.all(np.diff(told.value) > 0)):  # a count of all tokens so far
            continue
        _, at, among = signals.shared(column.step, told.step)
        if at.size < 2 or not bool(np.all(told.value[among] > 0)):
            continue
        each = column.value[at] / told.value[among]
        last = float(median(each[-max(1, each.size // 5) :]))
        if 0.05 < last <= uniform:
            tokens = float(told.value[among[-1]])
            return replace(
                finding,
                headline=(
                    f"{finding.headline[:-1]}: it is a sum over tokens, not a mean; over {words.called(name)} it is "
                    f"{words.number(last)}."
                ),
                evidence=(*finding.evidence, f"The last record has {words.number(tokens)} tokens"),
                cause="The loss is summed over the tokens of a batch (reduction='sum'), and its size follows theirs.",
                remedy="Divide the summed loss by the number of tokens with a label, over the whole accumulated batch.",
            )
    return replace(
        finding,
        cause="Far above what any mean over tokens is: the loss is a sum over tokens, positions or the batch.",
        remedy="Divide the loss by the number of tokens with a label; log that number beside it.",
    )


def _series(run: Run, t: Thresholds) -> tuple[str, Column, int] | None:
    evaluated = run.get(names.EVAL_LM_LOSS)
    if evaluated is not None and len(known := signals.finite(signals.tidy(evaluated))):
        return names.EVAL_LM_LOSS, known, 1
    label = signals.label_loss(run)
    loss = run.get(names.LOSS)
    parted = run.terms(names.RAW) or run.terms(names.WEIGHTED)
    if label is None and loss is not None and not parted and any("token_accuracy" in name for name in run.columns):
        label = names.LOSS, signals.finite(signals.tidy(loss))  # what such a trainer logs is the label loss alone
    if label is None or len(label[1]) < t["records"]:
        return None
    return label[0], label[1], max(int(t["records"]), len(label[1]) // 5)


def _finding(name: str, column: Column, value: float, known: str, level: Level, how: str = "worse than") -> Finding:
    ends = level == Level.ERROR
    at = float(column.step[-1 if ends else 0])
    return RULE.finding(
        level=level,
        headline=(
            f"{words.capital(words.called(name))} is {words.number(value)} at step {words.step(at)}, "
            f"{how} guessing every token alike ({known})."
        ),
        evidence=(
            f"First {words.number(float(column.value[0]))}, last {words.number(column.last)}, lowest "
            f"{words.number(float(column.value.min()))} in {words.counted(len(column), 'record')}",
        ),
        cause=(
            "The labels are not the text that follows: another tokenizer, a shift, an output layer of another "
            "vocabulary; or the loss is a sum."
            if ends
            else "The head or the embedding is not the pretrained one, or the labels were of other text at first."
        ),
        remedy="Decode one batch with its labels; evaluate the student before any step.",
        first_step=None,
        last_step=at,
        numbers={"value": value},
    )


RULE = Rule(
    code="R306",
    name="worse-than-uniform",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}|{names.LOSS}",),
    check=check,
    thresholds={
        "over": 1.1,
        "stays": 0.97,
        "kd": 0.15,
        "apart": 1.5,
        "start": 1.3,
        "sum": 3,
        "unknown": 262144,
        "records": 20,
    },
)
