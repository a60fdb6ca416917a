"""The run crashed

## What it sees
An error that ended the run: a traceback in a text log, also one that is cut off, a crash event, or the status
"crashed". A traceback after which the training goes on was caught, and does not count. Some thirty texts are known and
explained, with their own numbers where they have some: two lengths, a batch, two vocabularies or widths that do not
match, half and float in one product, a loss without a gradient, a graph gone through twice, memory, a full disk, an
index outside its table, processes that wait for each other, a checkpoint of another model.

## Why it is bad
The steps since the last checkpoint are lost. A crash in an evaluation is often found hours into the run, because
training cut or padded what the evaluation does not.

## Thresholds
None.

## Example
```run fires
steps: 500
train/loss: 29 ~ 3
event crash @ 499: RuntimeError: The size of tensor a (168) must match the size of tensor b (160) \
at non-singleton dimension 1
```

```run quiet
steps: 500
train/loss: 29 -> 9
event start: sad train
event end @ 500: finished
```

## Remedy
Two lengths: do not cut to the shorter one. Once two tokenizers disagree, position i of the one is another place in the
text than position i of the other; compare at common boundaries only, as `sad train` does. `sad verify` reproduces the
crash, the cut and the alignment. For memory: a smaller batch with more accumulation.

```toml
[train]
batch_size = 8
accumulation = 4
```

## Sources
- The failed runs this project starts from: 168 against 160 tokens at evaluation; Half and Float after `.to(fp16)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad_doctor import names, words
from sad_doctor.finding import Finding, Level
from sad_doctor.known_errors import Known, explained
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Run


def check(run: Run, _t: Thresholds) -> Iterator[Finding]:
    """Yield a finding for each different crash, or one for a status without a message."""
    crashed = run.facts.get(names.STATUS) == "crashed"
    silent = run.facts.get(names.STATUS, "unknown") == "unknown"
    if silent and not run.events and "events" not in run.facts:
        raise TooFew("this kind of log does not tell how the run ended")
    # a run that was resumed has outlived what crashed it before
    resumed = max((at for at, event in enumerate(run.events) if event.kind == names.EVENT_RESUME), default=-1)
    told = {event.message: event for event in run.events[resumed + 1 :] if event.kind == names.EVENT_CRASH}
    if not told and not crashed and not run.columns:
        raise TooFew("not one record was read: what the log says of the training is not understood")
    seen: set[str] = set()
    for message, event in told.items():
        found = _finding(message, event.step)
        if found.headline not in seen:  # one crash is often told in several lines
            seen.add(found.headline)
            yield found
    if crashed and not told:
        yield _finding("", run.last_step if run.last_step >= 0 else None)


def _finding(message: str, at: float | None) -> Finding:
    known = _explain(message)
    where = "" if at is None else f" at step {words.step(at)}"
    return RULE.finding(
        headline=f"The run crashed{where}: {known.says}.",
        evidence=(message,) if message else ("The status of the run is crashed; the log has no message",),
        cause=known.cause,
        remedy=known.remedy,
        first_step=at,
        last_step=at,
    )


def _explain(message: str) -> Known:
    first = message.splitlines()[0][:200] if message else "no message was logged"
    other = Known(first.rstrip("."), "Not one of the known texts.", "Read the last lines of the log.")
    return explained(message) or other


RULE = Rule(code="R501", name="crash", level=Level.ERROR, page=__doc__, needs=(), check=check)
