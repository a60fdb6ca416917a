"""The memory keeps growing

## What it sees
The process's memory, in ten blocks of records (or fewer): it grows from the third block to the last by the thresholds
below, in nearly every block, and still grows in the last blocks. The largest so far, as accelerators tell it, only ever
rises: of it too the last blocks must rise as they did before. Or it grows by that much at once, late, and stays there,
which is a hint.

## Why it is bad
A memory that grows without end ends in a crash, often hours in and mostly at an evaluation. The usual leak is a loss or
a logit that is kept with its graph (`total += loss` in place of `loss.item()`), a list of outputs that is never
cleared, a cache that knows no bound. Longer sequences need more memory too, but then it stops at the longest.

## Thresholds
- `share = 0.2`, `bytes = 5e+08`: growth from the third block on, as a share and at least.
- `late = 0.5`: the pace of the last three blocks over that of the blocks before. A leak keeps its pace.
- `records = 24`: fewest records.

## Example
```run fires
steps: 200
train/loss: 9 -> 8
train/memory_bytes: 4e9 -> 9e9 ~ 1e7
```

```run quiet
steps: 200
train/loss: 9 -> 8
train/memory_bytes: 4e9 -> 5.5e9 -> 5.6e9 -> 5.6e9 ~ 1e7
```

## Remedy
Keep numbers, not tensors: `loss.item()`, `detach()`. Turn the logging off for a hundred steps and see whether it still
grows; then the evaluation; then the data workers.

## Sources
- PyTorch's FAQ, "My model reports cuda runtime error(2): out of memory": do not accumulate history across the loop.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run

_BLOCKS, _EACH, _STAYS = 10, 4, 8
"""Blocks at most, records of each, and the fewest records after a growth at once."""
_GIB = 2.0**30


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the process, and one for its device."""
    judged = 0
    for name, what in ((names.MEMORY, "The memory of the process"), (names.MEMORY_DEVICE, "The device's peak memory")):
        column = run.get(name)
        if column is None or len(column) < t["records"]:
            continue
        blocks = signals.blocks(column, min(_BLOCKS, len(column) // _EACH))
        if blocks is None:
            continue
        judged += 1
        settled = blocks.middle[2:]
        growth = float(settled[-1] - settled[0])
        steps = np.diff(settled)
        early, late = float(np.mean(steps[:-2])), float(np.mean(steps[-2:]))
        yield Reading(f"growth of {name}, as a share", growth / float(settled[0]) if settled[0] else 0.0, "share")
        yield Reading(f"late pace over the early one, {name}", late / early if early else 0.0, "late")
        enough = growth > max(t["share"] * float(settled[0]), t["bytes"])
        if enough and int(np.sum(steps > 0)) >= steps.size - 1 and late >= t["late"] * early:
            yield _finding(column, what, blocks, growth)
        elif (leap := _leap(column, t)) is not None:
            yield _stepped(column, what, *leap)
    if not judged:
        raise TooFew(f"fewer than {t['records']:g} records of the memory")


def _leap(column: Column, t: Thresholds) -> tuple[float, float, float] | None:
    """The step at which the memory grows by the thresholds at once, after its first third, and for good."""
    known = signals.finite(signals.tidy(column))
    third = len(known) // 3
    at = third + int(np.argmax(np.diff(known.value[third:]))) + 1
    if at + _STAYS > len(known):
        return None
    before, after = known.value[:at], known.value[at:]
    low, high = float(before.max()), float(after.min())
    return (float(known.step[at]), low, high) if high - low > max(t["share"] * low, t["bytes"]) else None


def _stepped(column: Column, what: str, at: float, low: float, high: float) -> Finding:
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"{what} grows at once, at step {words.step(at)}, from {words.number(low / _GIB, 2)} to "
            f"{words.number(high / _GIB, 2)} GiB, and stays there."
        ),
        evidence=(f"No record before that step has as much, and none after it less; {len(column):,} records",),
        cause="Something came in and was not let go: a second copy of a model, a cache, results of an evaluation.",
        remedy="See what begins at that step; delete what it leaves behind, and compare the memory before and after.",
        first_step=at,
        last_step=float(column.step[-1]),
        numbers={"first_gib": low / _GIB, "last_gib": high / _GIB},
    )


def _finding(column: Column, what: str, blocks: signals.Blocks, growth: float) -> Finding:
    first, last = (float(blocks.middle[i]) / _GIB for i in (2, -1))
    pace = growth / _GIB / max(float(blocks.step[-1] - blocks.step[2]), 1.0) * 1000
    return RULE.finding(
        headline=(
            f"{what} keeps growing: {words.number(first, 2)} GiB at step {words.step(blocks.step[2])}, "
            f"{words.number(last, 2)} GiB at step {words.step(blocks.step[-1])}."
        ),
        evidence=(
            f"About {words.number(pace, 3)} GiB every 1,000 steps, and no slower at the end; "
            f"{words.counted(len(column), 'record')}",
        ),
        cause="Tensors are kept with their graph (a summed loss, a list of outputs), or a cache has no bound.",
        remedy="Keep loss.item() and detached values only; see which part of the loop grows by leaving parts out.",
        first_step=float(blocks.step[2]),
        last_step=float(blocks.step[-1]),
        numbers={"first_gib": first, "last_gib": last, "gib_per_1000_steps": pace},
    )


RULE = Rule(
    code="R504",
    name="memory-grows",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.MEMORY}|{names.MEMORY_DEVICE}",),
    check=check,
    thresholds={"share": 0.2, "bytes": 5e8, "late": 0.5, "records": 24},
)
