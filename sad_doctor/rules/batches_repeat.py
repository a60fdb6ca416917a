"""The same batches come again in the same order

## What it sees
The loss goes up and down from record to record in a pattern that comes again after a fixed number of records: what one
batch adds to it, it adds again a pass later. Or the loss or the entropy of the teacher, which never learns, takes the
same values to the last digit again and again: those are the same batches, whatever their order. A term of the loss that
does so is not computed anew.

## Why it is bad
The data is not shuffled anew in each pass, or the loader starts again at its beginning, at a resume or at each
evaluation. A student then sees each batch after the same other one, steps along the same path, and with a short pass
learns its few batches by heart. Compare the length of the pattern with the number of batches in an epoch: if it is
shorter, part of the data is never seen.

## Thresholds
- `alike = 0.75`: the correlation of the changes with those one pattern earlier. `above = 0.35`: how far it must stand
  out of those a record more and less.
- `same = 0.5`, `digits = 6`: the share of different values of the teacher's below which they come again, and the digits
  that they must have.
- `records = 40`: fewest records; the shortest pattern is 3, the longest a third of the records.

## Example
```run fires
steps: 12
train/loss: 5.9, 5.2, 5.6, 5.3, 6.1, 5.7, 5.0, 5.4, 5.8, 5.1, 5.5, 5.6
steps: 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
train/loss: 5.8, 5.1, 5.5, 5.2, 6.0, 5.6, 4.9, 5.3, 5.7, 5.0, 5.4, 5.5
steps: 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36
train/loss: 5.7, 5.0, 5.4, 5.1, 5.9, 5.5, 4.8, 5.2, 5.6, 4.9, 5.3, 5.4
steps: 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48
train/loss: 5.6, 4.9, 5.3, 5.0, 5.8, 5.4, 4.7, 5.1, 5.5, 4.8, 5.2, 5.3
steps: 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60
train/loss: 5.5, 4.8, 5.2, 4.9, 5.7, 5.3, 4.6, 5.0, 5.4, 4.7, 5.1, 5.2
```

```run quiet
steps: 100
train/loss: 6 -> 5 -> 4.6 ~ 0.2
```

## Remedy
`shuffle=True`, or `set_epoch(epoch)` on a distributed sampler; at a resume skip what was seen; make the loader's
iterator once and not inside of the loop.

## Sources
- PyTorch's documentation of `DistributedSampler`: without `set_epoch` every epoch has the same order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.precision import FLOAT32

_LAST = 4096
"""So many of the last records are looked at."""

_STANDS = 0.2
"""The share of neighbours that are equal from which on a number stands, as R404 tells."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the length after which the pattern comes again."""
    label = signals.label_loss(run)
    total = run.get(names.LOSS)
    series = [label[1]] if label is not None else []
    series += [signals.finite(signals.tidy(total))] if total is not None else []
    series = [Column(c.step[c.value != 0], c.value[c.value != 0]) for c in series]  # a 0 is no batch's loss
    known = [Column(c.step[-_LAST:], c.value[-_LAST:]) for c in series if len(c) >= t["records"]]
    if not known:
        raise TooFew(f"fewer than {t['records']:g} records of the loss")
    for column in known:
        likeness = _likeness(np.diff(column.value), _rounding(column.value))
        peak = likeness[1:-1] - np.maximum(likeness[:-2], likeness[2:])
        good = np.flatnonzero((likeness[1:-1] > t["alike"]) & (peak > t["above"]))
        yield Reading("largest correlation of the changes with earlier ones", float(np.max(likeness)), "alike")
        if good.size:
            lag = int(good[0]) + 3
            yield _finding(column, lag, float(likeness[good[0] + 1]))
            return
    if (found := _to_the_digit(run, t)) is not None:
        yield found


def _to_the_digit(run: Run, t: Thresholds) -> Finding | None:
    """Values of the teacher's that come again: its weights rest. Or of a term, in which then nothing learns."""
    terms = [name for name in run.columns if name.startswith((names.RAW, names.WEIGHTED, names.UNWEIGHTED))]
    for name in (names.TEACHER_LOSS, names.TEACHER_ENTROPY, *terms):
        told = run.get(name)
        column = None if told is None else signals.finite(signals.tidy(told))
        if column is None or len(column) < t["records"]:
            continue
        value = column.value[-_LAST:]
        # one batch in two orders of its texts differs by rounding
        rounded = np.round(value / max(float(median(np.abs(value))), 1e-12), int(t["digits"]) - 1)
        if float(np.mean(np.diff(rounded) == 0)) > _STANDS:
            continue  # one value that stands is no batch that comes again
        different = np.unique(rounded).size
        if not 1 < different <= t["same"] * value.size:
            continue
        if median([signals.significant_digits(float(v)) for v in signals.sample(value)]) < t["digits"]:
            continue
        return RULE.finding(
            headline=(
                f"The same batches come again: {words.called(name)} has {different:,} different values in "
                f"{value.size:,} records, to the last digit."
            ),
            evidence=("What does not learn says the same of the same batch",),
            cause="The loader begins again and again at its first batch, or the batches of a pass are not made anew."
            if name not in terms
            else "It is taken from a cache of an earlier pass, or of weights that rest: nothing of it is learned.",
            remedy="Shuffle in every pass; compare the number of different values with the batches of an epoch.",
            first_step=float(column.step[0]),
            last_step=float(column.step[-1]),
            numbers={"different": float(different), "records": float(value.size)},
        )
    return None


def _rounding(values: Floats) -> float:
    """How far two changes of a line may be apart, because its values are rounded where they are computed or printed."""
    level = float(median(np.abs(values)))
    return level * max(2 * signals.resolution(values), FLOAT32) if level else 0.0


def _likeness(changes: Floats, rounding: float) -> Floats:
    """Correlation with the series shifted by 2, 3 … a third of its length; changes are cut at three deviations.

    It is 0 where they are apart by no more than ``rounding``: a line that is rounded goes by a pattern of its own.
    """
    size = changes.size
    spread = 1.4826 * float(median(np.abs(changes - median(changes))))
    if spread <= rounding:
        return np.zeros(size // 3 - 1)
    cut = np.clip(changes - median(changes), -3 * spread, 3 * spread)
    width = 1 << (2 * size - 1).bit_length()
    power = np.abs(np.fft.rfft(cut, width)) ** 2
    lags = np.arange(2, size // 3 + 1)
    sums = np.fft.irfft(power, width)[lags]
    squares = np.concatenate(([0.0], np.cumsum(np.square(cut))))
    scale = np.sqrt(squares[size - lags] * (squares[size] - squares[lags]))
    found: Floats = np.divide(sums, scale, out=np.zeros(lags.size), where=scale > 0)
    return found


def _finding(column: Column, lag: int, likeness: float) -> Finding:
    steps = lag * float(median(np.diff(column.step)))
    return RULE.finding(
        headline=(
            f"The same batches come again in the same order every {words.step(steps)} steps: what the loss does from "
            "record to record, it does again."
        ),
        evidence=(f"Its changes agree with those {lag} records earlier to {words.number(likeness, 2)} (correlation)",),
        cause="The data is not shuffled anew in each pass, or the loader begins again and again at its first batch.",
        remedy="Shuffle in every pass; compare the length of the pattern with the batches of an epoch.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"records": float(lag), "steps": steps, "correlation": likeness},
    )


RULE = Rule(
    code="R406",
    name="batches-repeat",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"alike": 0.75, "above": 0.35, "same": 0.5, "digits": 6, "records": 40},
)
