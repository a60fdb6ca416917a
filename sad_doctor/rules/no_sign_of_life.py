"""The run says that it is running, and is silent

## What it sees
A run folder whose status is "running", but whose last sign of life (a heartbeat or a record) is older than ten minutes,
than twenty times its usual time between records, and than three times its longest one. A process that is killed by the
system, a machine that lost power and a job that hit its limit all leave no last word.

## Why it is bad
The run may have died hours ago: nobody waits for it to fail, and the steps since the last checkpoint are lost. Or it
hangs, as two processes do that wait for each other, and pays for a machine that does nothing.

## Thresholds
- `seconds = 600`, `gaps = 20`, `longest = 3`: the silence must be longer than each: seconds, median gaps, longest gaps.
- `error = 6`: from so many times that on it is an error; before, a warning.

The clock is that of the machine that reads; on another machine than the one that writes they may differ.

## Example
```run fires
fact status: running
fact heartbeat: 1700000100
fact seen: 1700090000
steps: 5
train/loss: 9 -> 8
time: 1700000000, 1700000025, 1700000050, 1700000075, 1700000100
```

```run quiet
fact status: running
fact heartbeat: 1700000100
fact seen: 1700000400
steps: 5
train/loss: 9 -> 8
time: 1700000000, 1700000025, 1700000050, 1700000075, 1700000100
```

## Remedy
Look whether the process lives (`ps`, the scheduler) and what its other output says. A run of `sad train` goes on from
its last checkpoint with

```sh
sad train --resume runs/latest
```

## Sources
- PyTorch's NCCL watchdog and torchelastic take a worker without a heartbeat for ten minutes to be hung.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the silence is longer than anything that the run's own pace explains."""
    status, seen, beat = run.facts.get(names.STATUS), run.fact(names.SEEN), run.fact(names.HEARTBEAT)
    if seen is None or status in (None, "unknown"):
        raise TooFew("this kind of log does not tell whether the run is still running")
    if status != "running":
        return
    column = run.get(names.TIME)
    time = np.empty(0) if column is None else column.value[np.isfinite(column.value)]
    signs = [one for one in (beat, float(time.max()) if time.size else None) if one is not None and np.isfinite(one)]
    if not signs:
        raise TooFew("the run has given no sign of life yet")
    gaps = np.diff(np.sort(time))
    usual, longest = (float(median(gaps)), float(gaps.max())) if gaps.size else (0.0, 0.0)
    limit = max(t["seconds"], t["gaps"] * usual, t["longest"] * longest)
    silent = seen - max(signs)
    yield Reading("seconds of silence", silent)
    yield Reading("seconds that its pace allows", limit)
    if silent > limit:
        yield _finding(run, silent, limit, usual, t)


def _finding(run: Run, silent: float, limit: float, usual: float, t: Thresholds) -> Finding:
    at = run.last_step if run.last_step >= 0 else None
    where = "" if at is None else f" (step {words.step(at)})"
    pace = f"; its records come every {words.number(usual, 1)} seconds" if usual else ""
    return RULE.finding(
        level=Level.ERROR if silent > t["error"] * limit else Level.WARNING,
        headline=f'There is no sign of life for {words.duration(silent)}, though the status is "running"{where}.',
        evidence=(f"Silent for {words.duration(silent)}{pace}",),
        cause="The process was killed without a word (memory, time limit, power), or it hangs.",
        remedy="Look whether the process lives, then go on from the last checkpoint.",
        first_step=at,
        last_step=at,
        numbers={"silent": silent, "limit": limit},
    )


RULE = Rule(
    code="R502",
    name="no-sign-of-life",
    level=Level.ERROR,
    page=__doc__,
    needs=(),
    check=check,
    thresholds={"seconds": 600, "gaps": 20, "longest": 3, "error": 6},
)
