"""The loss has no noise of batches

## What it sees
In the last two thirds of the run the loss, which fell, goes up and down from record to record by next to nothing of its
level. If the gradient norm is as noisy as usual meanwhile, the loss is a running mean, or the batch is always the same.
Or the loss or a term only ever rises, from the first record on by about what that one says: that is the sum of all so
far, and a warning.

## Why it is bad
Batches differ, and so do their losses. A curve without that noise is a mean over all records so far, or one with a long
memory, which hides a divergence for hundreds of steps and lies far above the present loss at the end; or it is one and
the same batch in every step, which is learned by heart; or one batch that holds all there is.

## Thresholds
- `noise = 0.0015`: the deviation of neighbours as a share of the level; batches of 64 short texts have 0.003.
- `falls = 0.05`: the share by which the loss must have fallen; one that stands is told by other rules.
- `records = 40`: fewest records.

## Example
```run fires
steps: 100
train/loss: 6 -> 5 -> 4.4 -> 4.1
train/grad_norm: 1.2 ~ 0.2
```

```run quiet
steps: 100
train/loss: 6 -> 5 -> 4.4 -> 4.1 ~ 0.05
train/grad_norm: 1.2 ~ 0.2
```

## Remedy
Print a hash of the first batch's token ids in three successive steps: they must differ. Then log the loss of this step,
or a mean over the steps since the last record only.

## Sources
- Karpathy 2019, "A Recipe for Training Neural Networks": learn one batch by heart on purpose, and only then.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_LAST = 4096
"""So many of the last records are looked at."""
_PART = 2.5
_SETTLED = 0.02
"""The share of the first increments below which those of the end are a rise that comes to rest."""
_SUM = 2.0
"""The first record over what the next ones add, either way, in a sum that began at 0."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a loss without noise."""
    known = signals.per_batch(run, int(t["records"]))
    losses = [name for name in known if name == names.LOSS or names.term_of(name) in names.ANCHORS]
    if not losses:
        raise TooFew(f"fewer than {t['records']:g} records of the loss")
    told = {name: signals.noise_share(_late(known[name]), at_most=True) for name in losses}
    for name, share in told.items():
        yield Reading(f"noise of {name}, as a share of its level", share, "noise")
    sums = [_sum(name, known[name]) for name in known if name in losses or names.term_of(name) is not None]
    yield from [found for found in sums if found is not None][:1]
    name = min(told, key=lambda one: told[one] if told[one] == told[one] else np.inf)
    # what is printed too coarsely to tell counts as noisy as that; a part of a quiet total is a little more so than all
    quiet = told[name] < t["noise"] and all(share < _PART * t["noise"] for share in told.values())
    if quiet and signals.falls(known[name], t["falls"]):
        norm = known.get(names.GRAD_NORM)
        yield _finding(name, known[name], told[name], norm is not None and _noisy(norm))


def _sum(name: str, column: Column) -> Finding | None:
    """A series that begins at its own increments and only ever rises by them: a sum that is never set to 0."""
    value, added = column.value, np.diff(column.value)
    if not bool(np.all(added > 0)):
        return None
    tenth = max(3, added.size // 10)
    first, usual = float(value[0]), float(median(added[:tenth]))
    if float(median(added[-tenth:])) < _SETTLED * usual:
        return None  # it comes to rest: no loss of batches falls so far, and a divergence may rise so
    if not usual / _SUM < first < usual * _SUM or value[-1] < 5 * first:
        return None
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"{words.capital(words.called(name))} only ever rises, from {words.number(first)} to "
            f"{words.number(float(value[-1]))}, by about {words.number(float(median(added)))} a record: it is the "
            "sum of all so far."
        ),
        evidence=(f"{len(column):,} records in a row, the first one as large as what each of the next adds",),
        cause="The sum over the batches is never set to 0.",
        remedy="Set it to 0 after each record; log the mean over the batches since the one before.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"first": first, "added": float(median(added))},
    )


def _late(column: Column) -> Floats:
    return column.value[len(column) // 3 :][-_LAST:]


def _noisy(norm: Column) -> bool:
    return signals.noise_share(_late(norm)) > 0.02


def _finding(name: str, column: Column, share: float, noisy: bool) -> Finding:
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"{words.capital(words.called(name))} has no noise of batches: neighbours differ by {100 * share:.2g}% of "
            "it. It is that of one and the same batch, or a mean over many steps."
        ),
        evidence=(
            f"{words.counted(len(column), 'record')}, the last two thirds",
            *(["The gradient norm is noisy meanwhile"] if noisy else []),
        ),
        cause="The loader gives the same batch in every step, or what is logged is a running mean.",
        remedy="Print a hash of the token ids in three successive steps; log the loss of this step.",
        first_step=float(column.step[len(column) // 3]),
        last_step=float(column.step[-1]),
        numbers={"noise": share},
    )


RULE = Rule(
    code="R407",
    name="noise-missing",
    level=Level.WARNING,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"noise": 0.0015, "falls": 0.05, "records": 40},
)
