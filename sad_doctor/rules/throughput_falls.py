"""The throughput falls and stays low

## What it sees
The tokens per second of twelve blocks of records: the last quarter of them lies below a third of the first half's best
level, surely and without coming back. Without tokens per second, the samples or the steps per second, the seconds of a
step, else those between records, where records carry a time; where batches are logged that grow, their texts. Little
lost time, and a fall to a half, are hints; and so are single records, all along, that are far slower than the others
and take a good part of the time, and stretches of slow records with fast ones between.

## Why it is bad
The rest of the run costs several times its price. Common reasons: memory that swaps or an allocator that frees and asks
again, a disk or network that feeds the data, a loader whose workers died, a device that throttles, a neighbour on the
same machine, micro-batches that are cut because the memory does not hold them.

## Thresholds
- `cliff = 3`: how many times slower, for a warning; `slower = 2` for a hint.
- `lost = 300`: so many seconds must be lost for a warning, where the log tells the time.
- `stall = 5`, `waits = 0.3`: how many times slower a single record is, and what share of the time they take in all.
- `records = 24`: fewest records.

## Example
```run fires
steps: 120
train/loss: 9 -> 8
train/tokens_per_second: 9000 -> 9000 -> 9000 -> 1500 -> 1500 -> 1500 ~ 100
```

```run quiet
steps: 120
train/loss: 9 -> 8
train/tokens_per_second: 9000 -> 7500 ~ 800
```

## Remedy
Look at the seconds of the step's parts (`train/seconds/`): data, teacher, student. Data that waits wants more workers
or a local copy; memory at its limit wants a smaller micro-batch and more accumulation.

```toml
[train]
batch_size = 8
accumulation = 4
```

## Sources
- trainproof and trainspotter, rules of the step time (3 and 1.4 times).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_SIZES = ("batch_size", "train/batch_size", "global_batch_size", "train/global_batch_size", "effective_batch_size")
"""Columns that tell how many texts a step takes."""

_BLOCKS, _EACH = 12, 4
"""Blocks at most, and fewest records of each."""
_STRETCH, _HELD = 5, 0.8
"""Fewest records of a slow stretch, and the share of all slow records that must lie in such."""
_STALLS = 6
"""Fewest single slow records that make a habit."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a pace that fell for good."""
    found = _pace(run, t["records"])
    if found is None or len(found[1]) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of a pace")
    unit, pace = found
    count = min(_BLOCKS, len(pace) // _EACH)
    blocks = signals.blocks(pace, count)
    if blocks is None:
        raise TooFew("too few finite records of a pace")
    before = float(median(np.sort(blocks.middle[: count // 2])[-3:]))
    late = blocks.middle[-3:]
    after = float(median(late))
    if not after > 0:
        raise TooFew("the pace is 0 in the last records")
    yield Reading("times slower at the end", before / after, "cliff")
    if float(np.max(late)) * t["slower"] > before:
        stalls = list(_stalls(run, pace, t))
        yield from stalls or _stretches(pace, t)
        return
    slow = blocks.step[blocks.middle < 0.75 * before]
    since = float(slow[0]) if slow.size else float(blocks.step[-3])
    lost = _lost(run, since, before / after, unit, pace)
    cliff = float(np.max(late)) * t["cliff"] <= before and (lost is None or lost >= t["lost"])
    yield RULE.finding(
        level=Level.WARNING if cliff else Level.INFO,
        headline=(
            f"The run is {words.number(before / after, 1)} times slower since step {words.step(since)}: "
            f"{words.number(after, 1)} {unit} a second, {words.number(before, 1)} before."
        ),
        evidence=(
            f"Medians of {count} blocks: {', '.join(words.number(v, 1) for v in blocks.middle.tolist())}",
            *([f"About {words.duration(lost)} lost so far"] if lost is not None and lost >= 1 else []),
        ),
        cause="The data waits, the memory is at its limit, the device throttles, or somebody else uses the machine.",
        remedy="Look at the seconds of the step's parts, then at the memory and at the machine's other processes.",
        first_step=since,
        last_step=float(pace.step[-1]),
        numbers={"before": before, "after": after},
    )


def _stalls(run: Run, pace: Column, t: Thresholds) -> Iterator[Finding]:
    """Single records that are far slower than the others, all along, and take much of the time together."""
    known = signals.finite(pace)
    usual = float(median(known.value))
    slow = (known.value > 0) & (known.value * t["stall"] < usual)
    if run.get(names.TOKENS_PER_SECOND) is None or usual <= 0 or int(slow.sum()) < _STALLS:
        return
    spent = usual / known.value[known.value > 0]
    share = float(np.sum(spent[spent > t["stall"]]) / np.sum(spent))
    thirds = [int(part.sum()) for part in np.array_split(slow, 3)]
    if share < t["waits"] or min(thirds) < 1 or float(np.mean(slow)) > 0.45:
        return
    yield RULE.finding(
        level=Level.INFO,
        headline=(
            f"The run waits again and again: {int(slow.sum()):,} of {len(known):,} records are more than "
            f"{t['stall']:g} times slower than usual, and take {words.percent(share)} of the time of all."
        ),
        evidence=(
            f"Usual {words.number(usual, 1)} tokens a second, in those records "
            f"{words.number(float(median(known.value[slow])), 1)}",
        ),
        cause="A slow disk, a loader that runs empty, a checkpoint or an evaluation that is counted in the step.",
        remedy="Log the seconds of the step's parts; more workers and a longer queue for the loader; save less often.",
        first_step=float(known.step[slow][0]),
        last_step=float(known.step[-1]),
        numbers={"slow": float(slow.sum()), "share": share},
    )


def _stretches(pace: Column, t: Thresholds) -> Iterator[Finding]:
    """Stretches of slow records with fast ones between: two paces that take turns."""
    known = signals.finite(pace)
    fast = float(np.quantile(known.value, 0.8))
    slow = (known.value > 0) & (known.value * t["slower"] < fast)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], slow.astype(np.int8), [0]))))
    starts, lengths = edges[::2], np.diff(edges)[::2]
    long = lengths >= _STRETCH
    # the last one may go on for good; and many short ones are the noise of the machine
    if int(long.sum()) < 2 or float(lengths[long].sum()) < _HELD * float(slow.sum()) or float(np.mean(slow)) < 0.1:
        return
    level = float(median(known.value[slow]))
    yield RULE.finding(
        level=Level.INFO,
        headline=(
            f"The run is {words.number(fast / level, 1)} times slower in {int(long.sum())} stretches, "
            f"{words.percent(float(np.mean(slow)))} of the records, and as fast as ever between them."
        ),
        evidence=(f"They begin at {words.steps(known.step[starts[long]].tolist())}",),
        cause="The device throttles by its heat or its power, or somebody else uses the machine at times.",
        remedy="Log the device's clock and temperature beside the pace; look at the machine's other processes.",
        first_step=float(known.step[starts[long][0]]),
        last_step=float(known.step[-1]),
        numbers={"stretches": float(long.sum()), "times": fast / level},
    )


def _pace(run: Run, enough: float) -> tuple[str, Column] | None:
    """The first that is told often enough: tokens, samples, steps a second, these by the times of the records too."""
    units = (
        ("tokens", names.TOKENS_PER_SECOND),
        ("samples", names.SAMPLES_PER_SECOND),
        ("steps", names.STEPS_PER_SECOND),
    )
    for unit, name in units:
        speed = run.get(name)
        if speed is not None and len(speed) >= enough:
            return unit, signals.finite(signals.tidy(speed))
    took = run.get(names.STEP_SECONDS)
    if took is not None and len(took) >= enough:
        known = signals.finite(signals.tidy(took))
        usable = known.value > 0
        return _of_texts(run, Column(known.step[usable], 1 / known.value[usable]))
    time, loss = run.get(names.TIME), run.get(names.LOSS)
    if time is None or loss is None:
        return None
    known = signals.finite(signals.tidy(time))
    gone = np.diff(known.value)
    usable = gone > 0
    if not usable.any():
        return None
    return _of_texts(run, Column(known.step[1:][usable], np.diff(known.step)[usable] / gone[usable]))


def _of_texts(run: Run, pace: Column) -> tuple[str, Column]:
    """The steps a second; where the log tells batches that change their size, the texts a second."""
    size = next((signals.finite(signals.tidy(run.columns[name])) for name in _SIZES if name in run.columns), None)
    if size is None or not len(size) or size.value.min() <= 0 or not np.ptp(size.value):
        return "steps", pace
    at = np.maximum(np.searchsorted(size.step, pace.step, side="right") - 1, 0)
    return "texts", Column(pace.step, pace.value * size.value[at])


def _lost(run: Run, since: float, times: float, unit: str, pace: Column) -> float | None:
    """Seconds that the slow part took more than it would have; None where the log does not tell."""
    time = run.get(names.TIME)
    if time is None and unit == "steps" and bool(np.all(pace.value > 0)):
        late = pace.step >= since
        return float(np.sum(np.diff(pace.step[late]) / pace.value[late][1:])) * (1 - 1 / times)
    if time is None:
        return None
    known = signals.finite(signals.tidy(time))
    late_value = known.value[known.step >= since]
    lost = float(np.ptp(late_value)) * (1 - 1 / times) if late_value.size else 0.0
    return lost if np.isfinite(lost) else None


RULE = Rule(
    code="R503",
    name="throughput-falls",
    level=Level.WARNING,
    page=__doc__,
    needs=(
        f"{names.TOKENS_PER_SECOND}|{names.SAMPLES_PER_SECOND}|{names.STEPS_PER_SECOND}|"
        f"{names.STEP_SECONDS}|{names.TIME}",
    ),
    check=check,
    thresholds={"cliff": 3, "slower": 2, "lost": 300, "records": 24, "stall": 5, "waits": 0.3},
)
