"""The evaluation rises while the training falls

## What it sees
The evaluation's label loss (without one, its loss) has left its best value and stays above it in the last evaluations,
by more than the threshold and without coming back, while the training loss does not rise. The rise must also stand out
of the noise of the evaluations: the lowest of many noisy values is low by chance, so medians are compared, and their
error comes from second differences, in which no trend counts. An evaluation that rises together with the training is a
divergence, and told as that. Or the training's label loss, which began where the evaluation's did, comes down to less
than half of it, while the evaluation stands; or the training's total does, over three passes and more, which was much
nearer to the evaluation's total at the first of the evaluations. Or, as a hint, the training's loss drops where each
pass over the texts begins, twice or more, and the evaluation no longer falls; in a log without epochs three falls at
one distance. Where an accuracy of the evaluation still rises meanwhile, the finding is a hint: the student grows too
sure of itself, and still answers better.

## Why it is bad
From the best evaluation on the student learns its training text by heart. The last checkpoint is worse than an earlier
one, and the steps since are lost.

## Thresholds
- `rise = 0.03`, `nats = 0.05`: how far above the best each of the last evaluations must lie, as a share and at least.
- `last = 3`: so many evaluations at the end. `evaluations = 5`: fewest in all.
- `half = 0.5`: the share of a standing evaluation below which the training is learned by heart. `passes = 3` over the
  text, and `nearer = 0.7`: of a total, which may have other parts, this share of its ratio to the evaluation is left.
- `dropped = 0.03`: what those drops must come to, as a share of the loss before them; `still = 0.1`: the share of that
  by which the evaluation may still fall.

## Example
```run fires
steps: 400
train/loss: 4 -> 1 ~ 0.1
steps: 8 every 50
eval/lm_loss: 3.9, 3.2, 2.9, 2.8, 2.95, 3.1, 3.3, 3.5
```

```run quiet
steps: 400
train/loss: 4 -> 2 ~ 0.1
steps: 8 every 50
eval/lm_loss: 3.9, 3.2, 2.9, 2.8, 2.75, 2.74, 2.76, 2.75
```

## Remedy
Take the checkpoint of the best evaluation. For the next run: more text or fewer epochs, an early stop on the held-out
label loss, weight decay, a larger share of KD, whose soft targets are harder to learn by heart.

```toml
[train]
epochs = 1
weight_decay = 0.1
```

## Sources
- Prechelt 1998, "Early Stopping: But When?"; SageMaker Debugger, "Overfit".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median, medians

_SIGMAS = 4.0
"""The lowest of several stretches is low by chance too: one more than the three of a single comparison."""

_RECORDS, _ALIKE = 40, 0.15
"""Fewest records of the training's label loss, and how near the evaluation it must begin."""

_ENOUGH = 4
"""So many second differences after the best tell the noise; with fewer, those before are asked too."""

_SHOWN = 4
"""So many borders of passes are shown."""

_ACCURACY = re.compile(r"acc(?:uracy)?(?![a-z])|exact_match|(?<![a-z])f1(?!\d)", re.IGNORECASE)
_HELD_OUT = re.compile(r"(?<![a-z])(?:eval|val|valid|validation|test|dev|held_?out)", re.IGNORECASE)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the evaluation left its best for good."""
    told = signals.evaluations(run)
    found = next((n for n in (names.EVAL_LM_LOSS, names.EVAL_BITS_PER_BYTE, names.EVAL_LOSS) if n in told), None)
    again = None if found is None else _seen_again(run, found, told[found], t)
    if found is None or len(told[found]) < t["evaluations"]:
        if again is not None:
            yield again
            return
        count = 0 if found is None else len(told[found])
        raise TooFew(f"{words.counted(count, 'evaluation')}; it judges from {t['evaluations']:g} on")
    evaluation = told[found]
    best = int(np.argmin(evaluation.value))
    low = float(evaluation.value[best])
    limit = low + max(t["rise"] * abs(low), t["nats"])
    last = evaluation.value[-max(int(t["last"]), 1) :]
    yield Reading("lowest of the last evaluations over the best", float(last.min()) / low if low else float("nan"))
    if (
        len(evaluation) - 1 - best >= t["last"]
        and bool(np.all(last > limit))
        and _stands_out(evaluation.value, best)
        and not _training_rises(run, found, evaluation)
    ):
        yield _finding(found, evaluation, best, _rising_accuracy(run, float(evaluation.step[best])))
        return
    apart = _by_heart(run, found, evaluation, t)
    if apart is not None:
        yield _apart(found, evaluation, *apart)
    elif again is not None:
        yield again


def _seen_again(run: Run, name: str, evaluation: Column, t: Thresholds) -> Finding | None:
    """A training loss that drops where each pass begins, beside an evaluation that no longer falls; else None."""
    label = None if name == names.EVAL_LOSS else signals.label_loss(run)
    loss = run.get(names.LOSS) if label is None else label[1]
    drops = [] if loss is None else signals.drops_at_passes(run, signals.finite(signals.tidy(loss)))
    if not drops:
        return None
    later = evaluation.value[evaluation.step > drops[0].step]
    early = evaluation.value[evaluation.step <= drops[0].step]
    if not later.size or evaluation.step[-1] < drops[1].step:
        return None
    first = float(early[-1]) if early.size else float(later[0])
    fell = sum(drop.before - drop.after for drop in drops) / abs(drops[0].before)
    if fell < t["dropped"] or first - evaluation.last > t["still"] * fell * abs(first):
        return None
    called = words.called(names.LOSS if label is None else label[0])
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The training text is being learned by heart: {called} drops where each pass over it begins, from "
            f"{words.number(drops[0].before)} to {words.number(drops[0].after)} at first, down to "
            f"{words.number(drops[-1].after)}, and {words.called(name)} goes from {words.number(first)} to "
            f"{words.number(evaluation.last)}."
        ),
        evidence=tuple(
            f"Step {words.step(drop.step)}: {words.number(drop.before)} before, {words.number(drop.after)} after"
            for drop in drops[:_SHOWN]
        ),
        cause="The student knows the texts when they come again; what it learns from them helps no other text.",
        remedy="Fewer passes, or more text; choose the checkpoint by the evaluation.",
        first_step=drops[0].step,
        last_step=float(evaluation.step[-1]),
        numbers={"passes": float(len(drops) + 1), "fell": fell, "evaluation": evaluation.last},
    )


def _by_heart(run: Run, name: str, evaluation: Column, t: Thresholds) -> tuple[str, float] | None:
    """The training's label loss, far below an evaluation that began beside it and no longer falls; else None."""
    label = signals.label_loss(run)
    if name == names.EVAL_LOSS:
        return _whole_by_heart(run, evaluation, t)
    if label is None or name != names.EVAL_LM_LOSS or len(label[1]) < _RECORDS:
        return None
    value, fifth = label[1].value, max(5, len(label[1]) // 5)
    began, ends = float(value[0]), float(median(value[-fifth:]))
    held_out = float(median(evaluation.value[-3:]))
    alike = abs(began - float(evaluation.value[0])) < _ALIKE * began
    stands = held_out > float(median(evaluation.value[len(evaluation) // 3 : len(evaluation) // 3 + 3])) - t["nats"]
    far = ends < t["half"] * held_out and held_out - ends > 1
    return (label[0], ends) if alike and stands and far else None


def _whole_by_heart(run: Run, evaluation: Column, t: Thresholds) -> tuple[str, float] | None:
    """The same of a total, which had to leave the evaluation's total behind while that stood."""
    loss, epoch = run.get(names.LOSS), run.get(names.EPOCH)
    if loss is None or epoch is None or len(loss) < _RECORDS or float(np.nanmax(epoch.value)) < t["passes"]:
        return None
    around = signals.around(signals.finite(signals.tidy(loss)), evaluation.step)
    value, third = evaluation.value, len(evaluation) // 3
    if not (np.all(value > 0) and np.all(around > 0)):
        return None
    ratio, ends = around / value, float(median(around[-3:]))
    stands = float(median(value[-3:])) > float(median(value[third : third + 3])) - t["nats"]
    far = ratio[-1] < min(t["half"], t["nearer"] * ratio[0]) and float(median(value[-3:])) - ends > 1
    return (names.LOSS, ends) if stands and far else None


def _apart(name: str, evaluation: Column, training: str, level: float) -> Finding:
    return RULE.finding(
        headline=(
            f"The training is learned by heart: {words.called(training)} comes down to {words.number(level)}, and "
            f"{words.called(name)} stays at {words.number(float(median(evaluation.value[-3:])))}."
        ),
        evidence=(f"The first evaluation was {words.number(float(evaluation.value[0]))}",),
        cause="Few texts are seen again and again: a loader that is made anew in every step, a tiny set; or padding.",
        remedy="Count the different texts of an epoch, and print the first tokens of ten batches in a row.",
        first_step=float(evaluation.step[0]),
        last_step=float(evaluation.step[-1]),
        numbers={"training": level, "evaluation": float(evaluation.last)},
    )


def _stands_out(value: Floats, best: int) -> bool:
    """Whether the last third since the best surely lies above the lowest stretch, by medians of both."""
    width = max(3, value.size // 8)
    low = float(np.min(medians(np.lib.stride_tricks.sliding_window_view(value, width))))
    third = max(3, (value.size - 1 - best) // 3)
    bends = np.diff(value[best + 1 :], 2)
    if bends.size < _ENOUGH:  # the turn at the best is a trend's, too
        bends = np.concatenate((np.diff(value[min(value.size // 3, best) : best + 1], 2), np.diff(value[best:], 2)))
    noise = float(np.sqrt(np.mean(np.square(bends)) / 6))  # a second difference has six times the variance
    error = 1.2533 * noise * float(np.sqrt(1 / width + 1 / third))
    return float(median(value[-third:])) - low > _SIGMAS * (1 + 2 / bends.size) * error  # few bends tell less


def _rising_accuracy(run: Run, best: float) -> str | None:
    """The name of an evaluated accuracy whose last third lies above what it was about the best loss."""
    for name, column in run.columns.items():
        if not _ACCURACY.search(name) or not _HELD_OUT.search(name):
            continue
        known = signals.finite(signals.tidy(column))
        place = int(np.searchsorted(known.step, best))
        about, after = known.value[max(0, place - 1) : place + 2], known.value[place + 1 :]
        if about.size and after.size >= 3 and median(after[-max(3, after.size // 3) :]) > median(about):
            return name
    return None


def _training_rises(run: Run, name: str, evaluation: Column) -> bool:
    """Whether the training loss at the end surely lies above what it was about the best evaluation."""
    label = None if name == names.EVAL_LOSS else signals.label_loss(run)  # a total is compared with a total
    loss = label[1] if label is not None and len(label[1]) >= 20 else run.get(names.LOSS)
    if loss is None:
        return False
    known = signals.finite(signals.tidy(loss))
    best = float(evaluation.step[int(np.argmin(evaluation.value))])
    width = max((float(evaluation.step[-1]) - best) / 3, 1.0)
    about = known.value[np.abs(known.step - best) <= width]
    end = known.value[known.step >= float(evaluation.step[-1]) - width]
    if min(about.size, end.size) < 2:
        return False
    return signals.gain(about, end).surely_below(-0.02 * abs(float(median(about))), sigmas=2)


def _finding(name: str, evaluation: Column, best: int, accuracy: str | None) -> Finding:
    at, low, last = float(evaluation.step[best]), float(evaluation.value[best]), evaluation.last
    after = evaluation.value[best:]
    return RULE.finding(
        level=Level.INFO if accuracy else Level.WARNING,
        headline=(
            f"{words.capital(words.called(name))} was best at step {words.step(at)} ({words.number(low)}) and rises "
            f"since to {words.number(last)}, while the training does not: the student "
            f"{f'grows too sure of itself, though {accuracy} still rises' if accuracy else 'overfits'}."
        ),
        evidence=(
            f"{len(after) - 1} evaluations since the best, none below {words.number(float(after[1:].min()))}",
            f"{words.percent(last / low - 1)} above the best"
            if low > 0
            else f"{words.number(last - low)} above the best",
        ),
        cause=(
            "The wrong answers are given with ever more confidence, while there are fewer of them."
            if accuracy
            else "The training text is learned by heart: too many passes over too little text."
        ),
        remedy=(
            f"Choose the checkpoint by what counts: the loss says the one nearest to step {words.step(at)}, "
            f"{accuracy} a later one; for both, label smoothing or a larger share of KD."
            if accuracy
            else f"Take the checkpoint nearest to step {words.step(at)}; fewer epochs, more text, or an early stop."
        ),
        first_step=at,
        last_step=float(evaluation.step[-1]),
        numbers={"best": low, "best_step": at, "last": last},
    )


RULE = Rule(
    code="R305",
    name="overfitting",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_LOSS}|{names.EVAL_BITS_PER_BYTE}",),
    check=check,
    thresholds={
        "rise": 0.03,
        "nats": 0.05,
        "last": 3,
        "evaluations": 5,
        "half": 0.5,
        "passes": 3,
        "nearer": 0.7,
        "dropped": 0.03,
        "still": 0.1,
    },
)
