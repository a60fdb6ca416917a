"""The run does not go on where it stopped

## What it sees
At a resume, told by an event or by steps that go back in the log: a loss that surely stands higher after it than
before, and higher than the beginning of a warm-up would make it; or a learning rate that is another one by more than a
factor. Steps that were logged twice are told as a hint, with how far their values differ. A log that begins again at
its first step holds several starts, which is a hint too; or the counter alone began again, and the loss goes on. A log
that has most steps twice, at two levels that never meet, holds two runs that wrote into it at once: every other rule
then judges a mixture.

Where nothing tells of a resume: a label loss that jumps back to near where it began, from one record to the next,
stays there, and falls once more as it did. A total that does not come down to where it was is a hint: a term that
comes in lifts it too.

## Why it is bad
Weights without the optimizer's moments, a scheduler that starts anew, a sampler that shows the same batches again, an
adapter that was not loaded: the run then is not the one that was stopped. The loss comes down again in some hundred
steps and hides it.

## Thresholds
- `rise = 0.1`, `nats = 0.1`: how far the loss must surely rise across the seam, as a share and at least.
- `factor = 3`: the learning rates beside the seam.
- `back = 0.6`: the share of what was gained that is lost within some records, where nothing tells of a resume.
- `window = 20`: so many records on either side; `records = 5`: fewest.

## Example
```run fires
event resume @ 100: from a checkpoint
steps: 100
train/loss: 9 -> 4 ~ 0.1
steps: 101, 102, 103, 104, 105, 106, 107, 108, 109, 110
train/loss: 7.1, 7, 6.9, 6.9, 6.8, 6.7, 6.7, 6.6, 6.5, 6.5
```

```run quiet
event resume @ 100: from a checkpoint
steps: 200
train/loss: 9 -> 4 ~ 0.1
train/lr: 1e-3 -> 1e-4
```

## Remedy
Save and load everything: weights, optimizer, scheduler, scaler, sampler, random states. `sad train --resume` is checked
bit for bit against a run that was never stopped.

```sh
sad train --resume runs/latest
```

## Sources
- transformers issues on `resume_from_checkpoint` with a new scheduler; PyTorch's tutorial on general checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_SHOWN, _MANY_SEAMS = 4, 3
"""Ends of starts that are named; so many times a run is taken up, more often it is no run alone that writes."""

_TWO = (
    ": it holds two runs.",
    "Two runs wrote to one file, or the run was started from the beginning again.",
    "Give each run a log of its own.",
)
_MANY = (
    ": it holds {starts} starts, none of which went on from where the one before ended.",
    "A launcher starts the run again when it ends, without a checkpoint to go on from.",
    "Mend what ends each start first; save checkpoints before it, and resume from them.",
)
_COUNTED = (
    ", and the loss goes on, from {before} to {after}: the counter began anew, not the run.",
    "The number of the step is not in the checkpoint, and with it a schedule or a plan may have begun anew.",
    "Save the counter with the checkpoint; compare the learning rate on both sides.",
)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield at most one finding for each seam."""
    told = run.get(names.LOSS)
    if told is None:
        return
    loss = signals.finite(told)
    if (two := signals.doubled(loss)) is not None and two.apart:
        yield _interleaved(two)
        return
    back = np.flatnonzero(np.diff(loss.step) < 0)
    seams = [(float(loss.step[i]), float(loss.step[i + 1])) for i in back.tolist()]
    seams += [(e.step, e.step) for e in run.events if e.kind == names.EVENT_RESUME and e.step is not None]
    replaced = {start: end for end, start in signals.rewound(run)}
    seams += [(start, start) for start in replaced]
    seams += [(step, step) for step in signals.recounted(run) if not seams]
    anew = signals.beginnings(run)
    if len(back) > _MANY_SEAMS and len(anew) <= 1:
        raise TooFew(f"the log goes back {len(back)} times: R507 tells of several that write into it")
    if not seams and not anew:
        yield from _unannounced(run, t)
        return
    judged = len(anew)
    if anew:
        yield _anew(run, anew)
    known = {(one.end, one.start) for one in anew}
    for end, start in dict.fromkeys([seam for seam in seams if seam not in known]):
        before, after = _beside(loss, end, start, int(t["window"]))
        if min(before.size, after.size) < t["records"]:
            continue
        judged += 1
        gain, level = signals.gain(before, after), abs(float(median(before)))
        rates = signals.rates_beside(run, end, start)
        yield Reading(f"rise of the loss at step {words.step(start)}, nats", -gain.amount, "nats")
        jumps = gain.surely_below(-max(t["rise"] * level, t["nats"]), sigmas=4) or _gone(loss, before, after, t)
        new_rate = rates is not None and max(rates) > t["factor"] * min(rates) and min(rates) > 0
        new_rate = new_rate and not signals.warms_again(run, start)
        if jumps or new_rate:
            yield _finding(
                (end, start),
                (float(median(before)), float(median(after))),
                rates if new_rate else None,
                jumps=jumps,
            )
        elif start < end:
            yield _overlap(loss, end, start)
        elif start in replaced:
            twice = int(np.sum((start <= loss.step) & (loss.step <= replaced[start])))
            yield _goes_back(replaced[start], start, twice, "")
    if not judged:
        raise TooFew("too few records beside the seams of a resume")


def _unannounced(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """A label loss (without parts, a total) that jumps back to where it began within some records, and falls."""
    one = signals.lost(run, t["rise"], t["nats"], t["back"])
    if one is None:
        return
    yield Reading("largest rise within records, as a share of what was gained", one.back, "back")
    if one.found:
        yield replace(
            _finding((one.step, one.step), (one.low, one.high), None, jumps=True),
            level=RULE.level if one.sure else Level.INFO,
            headline=(
                f"The student is thrown back at step {words.step(one.step)}, as after a resume that lost it: the loss "
                f"jumps from {words.number(one.low)} to {words.number(one.high)}."
            ),
        )


def _gone(loss: Column, before: np.ndarray, after: np.ndarray, t: Thresholds) -> bool:
    """Whether the first records after a seam are back at the beginning of the run, most of what it gained lost."""
    few = max(int(t["records"]), 2)
    if min(before.size, after.size) < few:
        return False
    level = float(median(before))
    least = max(t["rise"] * abs(level), t["nats"])
    # the very first may be of what was loaded: an optimizer with copies of the weights undoes the load by its step
    gains = [signals.gain(before, after[skip : skip + few]) for skip in (0, 1) if after.size >= skip + few]
    gained = float(median(loss.value[:few])) - level
    return any(-gain.amount > t["back"] * gained > 0 and gain.surely_below(-least, sigmas=4) for gain in gains)


def _beside(loss: Column, end: float, start: float, window: int) -> tuple[np.ndarray, np.ndarray]:
    """The last records up to a seam and the first ones after it, in the order of the log."""
    back = np.flatnonzero((loss.step[:-1] == end) & (loss.step[1:] == start)) if start < end else np.empty(0)
    at = int(back[0]) + 1 if back.size else int(np.searchsorted(loss.step, end, side="right"))
    before = loss.value[:at]
    if start < end:
        before = before[loss.step[:at] < start + 1]  # what was lost by going back is not what it goes on from
    return before[-window:], loss.value[at : at + window]


def _finding(
    seam: tuple[float, float], levels: tuple[float, float], rates: tuple[float, float] | None, *, jumps: bool
) -> Finding:
    before, after = (words.number(v) for v in levels)
    lines = [f"Loss about {before} before, {after} after"]
    if rates is not None:
        lines.append(f"Learning rate {words.number(rates[0])} before, {words.number(rates[1])} after")
    what = f"the loss jumps from {before} to {after}" if jumps else lines[-1][:1].lower() + lines[-1][1:]
    return RULE.finding(
        headline=f"The run does not go on where it stopped: at the resume from step {words.step(seam[1])} {what}.",
        evidence=tuple(lines),
        cause=(
            "The schedule starts anew: its state is not in the checkpoint."
            if rates is not None
            else "The optimizer's moments, an adapter or the newest weights were not loaded."
        ),
        remedy="Save and load weights, optimizer, scheduler, scaler, sampler and random states together.",
        first_step=seam[1],
        last_step=seam[1],
        numbers={"before": levels[0], "after": levels[1]},
    )


def _overlap(loss: Column, end: float, start: float) -> Finding:
    at = int(np.flatnonzero((loss.step[:-1] == end) & (loss.step[1:] == start))[0]) + 1
    first, again = (Column(loss.step[part], loss.value[part]) for part in (slice(at), slice(at, None)))
    step, one, other = signals.shared(first.step, again.step)
    gaps = np.abs(first.value[one] - again.value[other])
    apart = f"; their loss differs by {words.number(float(median(gaps)))} in the median" if step.size else ""
    return _goes_back(end, start, int(step.size), apart)


def _goes_back(end: float, start: float, twice: int, apart: str) -> Finding:
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The log goes back from step {words.step(end)} to {words.step(start)}: a resume, and {twice:,} steps "
            "are logged twice."
        ),
        evidence=(f"The later values count{apart}",),
        cause="The run went on from a checkpoint older than its last record.",
        remedy="Nothing, where the loss goes on at its level; values that differ tell that other batches were drawn.",
        first_step=start,
        last_step=end,
        numbers={"twice": float(twice)},
    )


def _anew(run: Run, seams: list[signals.Beginning]) -> Finding:
    end, start, starts = seams[0].end, seams[0].start, len(seams) + 1
    counted = len(seams) == 1 and seams[0].goes_on
    ends = [e for e in run.events if e.kind in (names.EVENT_CRASH, names.EVENT_OUT_OF_MEMORY, names.EVENT_WARNING)]
    short = [e for e in ends if e.kind == names.EVENT_OUT_OF_MEMORY or "out of memory" in e.message.lower()]
    again = [f"{len(short)} times the memory did not suffice"] if len(short) > 1 else []
    where = words.listing(words.step(one.end) for one in seams[:_SHOWN]) + (" …" if len(seams) > _SHOWN else "")
    what, cause, remedy = _COUNTED if counted else _TWO if starts == 2 else _MANY
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The log begins again at step {words.step(start)} "
            + (f"after step {words.step(end)}" if starts == 2 else f"{len(seams)} times")
            + what.format(starts=starts, before=words.number(seams[0].before), after=words.number(seams[0].after))
        ),
        evidence=("Of steps that several have, the values of the later one count", f"Ended at step {where}", *again),
        cause=cause,
        remedy=remedy,
        first_step=start,
        last_step=end,
        numbers={"end": end, "start": start, "starts": float(starts)},
    )


def _interleaved(two: signals.Doubled) -> Finding:
    """Two runs in one log: most steps twice in a row, at two levels that never meet, far apart beside their noise."""
    low, high = (words.number(value) for value in two.ends)
    return RULE.finding(
        headline=(
            f"The log holds two runs at once: {two.count:,} steps stand in it twice, with two losses that never meet "
            f"({low} and {high} at step {words.step(two.last)})."
        ),
        evidence=(f"Apart by {words.number(two.gap)} in the median; neighbours of one by {words.number(two.noise)}",),
        cause="Two runs wrote to one file; or one run logs two things under one name.",
        remedy="Give each run a log of its own: what else is told here is of a mixture of both.",
        first_step=two.first,
        last_step=two.last,
        numbers={"twice": float(two.count), "gap": two.gap},
    )


RULE = Rule(
    code="R505",
    name="resume-jumps",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.LOSS,),
    check=check,
    thresholds={"rise": 0.1, "nats": 0.1, "factor": 3, "window": 20, "records": 5, "back": 0.6},
)
