"""A number is logged that is computed no more

## What it sees
The training loss, a part of it or the gradient norm is one and the same number, to the last digit and not 0, in every
record, while another number of the training changes from record to record.

## Why it is bad
Batches differ, and with them their losses. A loss that does not is no loss of these batches: the value of the first
step that is printed for ever, a variable that is set outside of the loop, a tensor that was kept from a compiled graph,
or the same batch with a rate of 0. Nothing that is said about this series holds, neither that it falls nor that it does
not, and an early stop or a schedule that watches it works by chance. A gradient norm of one number is most often one
that is taken after the clip.

## Thresholds
- `records = 20`: fewest records. `digits = 3`: so many significant digits the value must show; a loss that is printed
  as 2 or 0.5 repeats by itself.

## Example
```run fires
steps: 60
train/loss: 9.9314
train/grad_norm: 1.2 -> 0.6 ~ 0.1
```

```run quiet
steps: 60
train/loss: 9.9 -> 8.1 ~ 0.1
train/grad_norm: 1.2 -> 0.6 ~ 0.1
```

## Remedy
Print the loss beside the value that is logged, for three batches. Log `loss.detach()` of this step, inside of the loop.

## Sources
- The failure catalogue of this project: the total that was never updated.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run

CODE, NAME = "R404", "number-stale"

_WITNESSES, _FEW = (names.EVAL_LM_LOSS, names.EVAL_LOSS), 3
"""Evaluations that tell that the run goes on, and fewest of them; whether they stand still is told by R101."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each measured series that never changes while another one does."""
    series = _measured(run, t)
    if len(series) < 2:
        raise TooFew(f"fewer than two series of the training with {t['records']:g} records")
    moving = [name for name, column in series.items() if bool(np.any(column.value != column.value[0]))]
    for name, column in series.items():
        value = column.last
        yield Reading(f"records of {name} that differ from the first", float(np.sum(column.value != column.value[0])))
        if (
            name in _WITNESSES
            or name in moving
            or not moving
            or value == 0
            or signals.significant_digits(value) < t["digits"]
        ):
            continue
        norm = name == names.GRAD_NORM
        yield Finding(
            rule=CODE,
            name=NAME,
            level=Level.INFO if norm else Level.WARNING,
            headline=(
                f"{words.capital(words.called(name))} is {words.number(value, 6)} in all {len(column):,} records, to "
                f"the last digit, while {words.called(moving[0])} changes: it is not computed anew."
            ),
            evidence=(f"Steps {words.step(float(column.step[0]))} to {words.step(float(column.step[-1]))}",),
            cause=(
                "The norm is taken after the clip."
                if norm
                else "The first value is logged for ever: a variable that is set outside of the loop, or an old tensor."
            ),
            remedy="Log the value of this step, inside of the loop; print it beside what is logged for three batches.",
            first_step=float(column.step[0]),
            last_step=float(column.step[-1]),
            numbers={"value": value, "records": float(len(column))},
        )


def _measured(run: Run, t: Thresholds) -> dict[str, Column]:
    """What every batch gives anew: the loss, its parts, the gradient norm; with enough finite records."""
    prefixes = (names.RAW, names.UNWEIGHTED, names.WEIGHTED)
    wanted = [name for name in run.columns if name in (names.LOSS, names.GRAD_NORM) or name.startswith(prefixes)]
    known = {name: signals.finite(signals.tidy(run.columns[name])) for name in wanted}
    found = {name: column for name, column in known.items() if len(column) >= t["records"]}
    # a log of the total alone: a rate or an evaluation that moves says that the run goes on
    if set(found) == {names.LOSS}:
        for name in _WITNESSES:
            told = run.get(name)
            if told is not None and len(known_points := signals.finite(signals.tidy(told))) >= _FEW:
                found[name] = known_points
    return {name: column for name, column in found.items() if len(column)}


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.GRAD_NORM}",),
    check=check,
    thresholds={"records": 20, "digits": 3},
)
