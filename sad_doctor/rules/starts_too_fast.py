"""The first steps throw the student back

## What it sees
The label loss, the evaluation's or the training's before its weight (without parts, the total), rises in the first
tenth of the run far above its first value, surely beyond the noise of its batches, and comes down again later. A loss
that stays up is a divergence and told as that.

Where the evaluation and the training both rise, less of it is enough: `nats` of the evaluation, and of the training
`rise` alone, whatever its noise.

Where there is no warm-up and the first dozen of records all lie above the first one, less is enough for a hint; a hint
is also all that is said of a label loss whose weight the log does not tell.

## Why it is bad
The student comes with what it knows, and loses part of it in the first steps: the moments of the optimizer are not yet
estimates, so each step is as long as the learning rate lets it. What was lost has to be learned again, and some is not.

## Thresholds
- `rise = 0.08`, `nats = 0.15`: how far above its first value the loss must rise, as a share and at least, in the median
  of five records in a row that all lie above it (of an evaluation, one).
- `early = 0.15`: the part of the run in which it must rise.
- `records = 40`, `evaluations = 4`: fewest points.

## Example
```run fires
steps: 10
train/lr: 2e-2
train/loss: 3.06, 4.2, 3.9, 3.8, 3.7, 3.6, 3.6, 3.5, 3.4, 3.4
steps: 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
train/loss: 3.3, 3.3, 3.2, 3.1, 3, 3.1, 3, 3, 2.9, 2.9
steps: 200
train/loss: 3.06 -> 2.5 -> 2.2 ~ 0.05
steps: 0, 20, 60, 120, 200
eval/lm_loss: 3.1, 3.6, 3.0, 2.5, 2.3
```

```run quiet
steps: 200
train/lr: 0 -> 1e-3 -> 0
train/loss: 3.06 -> 2.5 -> 2.2 ~ 0.1
steps: 0, 20, 60, 120, 200
eval/lm_loss: 3.1, 3.0, 2.8, 2.5, 2.3
```

## Remedy
Warm up over some hundred steps, or a twentieth of the run; lower the peak learning rate for a pretrained student.

```toml
[train]
warmup = 0.05
learning_rate = 1e-4
```

## Sources
- Gotmare et al. 2019, "A Closer Look at Deep Learning Heuristics", arXiv 1810.13243; Ma and Yarats 2021, "On the
  adequacy of untuned warmup for adaptive optimization", arXiv 1910.04209.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median, medians

_SIGMAS, _FEWER = 6.0, 3.0
"""How far the rise must stand out of the noise; fewer for a hint, where there is no warm-up."""

_BRIEF = 3
"""So many records in a row, far above the first, are a hint too where there is no warm-up."""

_NEXT = 12
"""So many records after the first one must all lie above it for that hint."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the first series that shows it."""
    judged = list(_series(run, t))
    if not judged:
        raise TooFew("too few evaluations and records of the label loss from the beginning on")
    agreed = len(judged) > 1 and all(_agrees(run, column, run_of, t) for _, column, run_of in judged)
    for name, column, run_of in judged:
        rise = _rise(run, column, run_of, t)
        yield Reading(f"early rise of {name} over its first value, nats", rise[1] - rise[0] if rise else 0.0, "nats")
        if rise is not None and (agreed or _surely(column, rise, run_of, t, _SIGMAS)):
            yield _finding(run, name, rise, known=name not in _weighted(run))
            return
        perhaps = rise is not None and run_of > 1 and _cold(run) and _below_all(column)
        if perhaps and rise is not None and _surely(column, rise, run_of, t, _FEWER):
            yield _finding(run, name, rise, known=False)
            return
        brief = _rise(run, column, _BRIEF, t) if run_of > _BRIEF and _cold(run) else None
        if brief is not None and _surely(column, brief, _BRIEF, t, 2 * _SIGMAS):
            yield _finding(run, name, brief, known=False)
            return


def _weighted(run: Run) -> dict[str, Column]:
    """The label loss after a weight that the log does not tell."""
    found = signals.after_its_weight(run, sorted(names.ANCHORS)) if signals.label_loss(run) is None else None
    return {} if found is None else {found[0]: found[1]}


def _series(run: Run, t: Thresholds) -> Iterator[tuple[str, Column, int]]:
    evaluated = run.get(names.EVAL_LM_LOSS)
    start, span = run.first_step, max(run.last_step - run.first_step, 1.0)
    if evaluated is not None:
        known = signals.finite(signals.tidy(evaluated))
        if len(known) >= t["evaluations"] and known.step[0] <= start + 0.02 * span:
            yield names.EVAL_LM_LOSS, known, 1
    label = signals.label_loss(run)
    parted = run.terms(names.RAW) or run.terms(names.WEIGHTED)
    loss = run.get(names.LOSS)
    weighted = next(iter(_weighted(run).items()), None)
    found = label or weighted or (None if parted or loss is None else (names.LOSS, loss))
    if found is not None:
        known = signals.finite(signals.tidy(found[1]))
        if len(known) >= t["records"] and known.step[0] <= start + 0.02 * span:
            yield found[0], known, 5


def _rise(run: Run, column: Column, width: int, t: Thresholds) -> tuple[float, float, float] | None:
    """The first value, the highest level in the early part, and its step; None if there is no early part."""
    end = run.first_step + t["early"] * (run.last_step - run.first_step)
    early = column.value[column.step <= end]
    if early.size < width + 1:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(early[1:], width)
    # a level is where all records stand: single bad batches lift a median of five as well
    levels = np.where(windows.min(axis=1) > early[0], medians(windows), early[0])
    top = int(np.argmax(levels))
    return float(early[0]), float(levels[top]), float(column.step[1 + top])


def _agrees(run: Run, column: Column, width: int, t: Thresholds) -> bool:
    """Whether a series would do as one of two that tell of the same throw: the noise is not asked of the other."""
    rise = _rise(run, column, width, t)
    return rise is not None and _surely(column, rise, width, t if width > 1 else {**t, "rise": 0.0}, 0.0)


def _surely(column: Column, rise: tuple[float, float, float], width: int, t: Thresholds, sigmas: float) -> bool:
    first, top, at = rise
    later = column.value[column.step > at]
    noise = _noise(column) if width > 1 else 0.0
    high = top - first > max(t["rise"] * abs(first), t["nats"], sigmas * noise)
    return high and later.size >= 2 and float(median(later[-max(2, later.size // 4) :])) < first


def _noise(column: Column) -> float:
    """The median change of a batch, late or in the first records, where it is the larger one of a loss that falls far.

    Without the first change: that is the throw itself.
    """
    value = column.value
    return max(float(median(np.abs(np.diff(part)))) for part in (value[value.size // 2 :], value[1 : 2 * _NEXT]))


def _below_all(column: Column) -> bool:
    return len(column) > _NEXT and bool(np.all(column.value[1 : 1 + _NEXT] > column.value[0]))


def _cold(run: Run) -> bool:
    """Whether the learning rate is near its height from the first record on."""
    rate = run.get(names.LEARNING_RATE)
    return rate is not None and float(rate.value[0]) > 0.5 * float(np.max(signals.finite(rate).value, initial=0.0))


def _finding(run: Run, name: str, rise: tuple[float, float, float], *, known: bool) -> Finding:
    first, top, at = rise
    cold = _cold(run)
    told = ["The learning rate is at its height from the first record on: no warm-up"] if cold else []
    told += (
        []
        if known
        else ["A hint only: it stands little out of the noise, or its weight, which the log does not tell, may rise"]
    )
    return RULE.finding(
        level=Level.WARNING if known else Level.INFO,
        headline=(
            f"The first steps throw the student back: {words.called(name)} rises from {words.number(first)} to "
            f"{words.number(top)} by step {words.step(at)}, and has to come down again."
        ),
        evidence=(f"Up by {words.number(top - first)} nats, {words.percent(top / first - 1) if first else ''}", *told),
        cause="The learning rate is too large for the first steps" + (", and there is no warm-up." if cold else "."),
        remedy="Warm up over a twentieth of the run, or lower the peak learning rate.",
        first_step=run.first_step,
        last_step=at,
        numbers={"first": first, "top": top},
    )


RULE = Rule(
    code="R109",
    name="starts-too-fast",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"rise": 0.08, "nats": 0.15, "early": 0.15, "records": 40, "evaluations": 4},
)
