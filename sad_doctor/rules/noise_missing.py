"""The loss has no noise of batches

## What it sees
In the second half of the run the loss is a smooth curve: its second differences are smaller than its first ones, where
noise of batches makes them larger. If another number of the training is noisy meanwhile, the loss is a running mean.

## Why it is bad
Batches differ, and so do their losses. A curve without that noise is a mean over all records so far, or one with a long
memory, which hides a divergence for hundreds of steps and lies far above the present loss at the end; or it is one and
the same batch in every step, which is learned by heart; or one batch that holds all there is.

## Thresholds
- `smooth = 0.6`: the median second difference over the median first one; of noise it is 1.7.
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

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run

CODE, NAME = "R407", "noise-missing"

_LAST = 4096


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a loss without noise."""
    known = signals.per_batch(run, int(t["records"]))
    losses = [name for name in known if name == names.LOSS or names.term_of(name) in names.ANCHORS]
    told = {name: signals.smooth(_late(column)) for name, column in known.items()}
    if not losses:
        raise TooFew(f"fewer than {t['records']:g} records of the loss")
    noisy = [name for name, value in told.items() if value > 1.2]
    for name in losses:
        yield Reading(f"second over first differences of {name}", told[name], "smooth")
    smooth = [name for name in losses if told[name] < t["smooth"]]
    if len(smooth) == len(losses):
        yield _finding(smooth[0], known[smooth[0]], told[smooth[0]], noisy)


def _late(column: Column) -> Floats:
    return column.value[len(column) // 2 :][-_LAST:]


def _finding(name: str, column: Column, ratio: float, noisy: list[str]) -> Finding:
    mean = f"{words.capital(words.called(noisy[0]))} is as noisy as batches are" if noisy else ""
    return Finding(
        rule=CODE,
        name=NAME,
        level=Level.INFO,
        headline=(
            f"{words.capital(words.called(name))} has no noise of batches: it is "
            + ("a mean over many steps." if noisy else "that of one and the same batch, or a mean over many steps.")
        ),
        evidence=tuple(filter(None, (f"Second over first differences {words.number(ratio, 2)}; of noise 1.7", mean))),
        cause=(
            "What is logged is a running mean since the beginning."
            if noisy
            else "The loader gives the same batch in every step, or the log holds running means."
        ),
        remedy="Print a hash of the token ids in three successive steps; log the loss of this step.",
        first_step=float(column.step[len(column) // 2]),
        last_step=float(column.step[-1]),
        numbers={"smooth": ratio},
    )


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.INFO,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"smooth": 0.6, "records": 40},
)
