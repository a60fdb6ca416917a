"""The run crashed

## What it sees
An error that ended the run: a traceback in a text log, also one that is cut off, a crash event, or the status
"crashed". A traceback after which the training goes on was caught, and does not count. Texts that are known are
explained with their own numbers: two lengths, a batch, two vocabularies or widths that do not match, half and float in
one product, memory, a device assertion, a process that the system killed.

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

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sad_doctor import names, words
from sad_doctor.finding import Finding, Level
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Run

_SIZES = re.compile(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).*?dimension (\d+)")
_SHAPES = re.compile(r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)")


@dataclass(frozen=True, slots=True)
class _Known:
    says: str
    cause: str
    remedy: str


_TEXTS = (
    (
        re.compile(
            r"(same dtype|expected (?:scalar )?type|expected m\w+ and m\w+)"
            r".*?(Half|Float|BFloat16|half|float|bfloat16)",
            re.DOTALL,
        ),
        _Known(
            "half and single precision meet in one product",
            "A cast to half precision reached more than was meant: a projector's `.to(fp16)` also casts an embedding "
            "that it shares with the student; or the evaluation runs without the autocast that training has.",
            "Keep the weights in float32 and let autocast choose; run the evaluation in the same context.",
        ),
    ),
    (
        re.compile(r"out of memory|OutOfMemory|can't allocate memory|MemoryError", re.IGNORECASE),
        _Known(
            "out of memory",
            "Most often the logits of student and teacher, [batch, length, vocabulary] each, held at once.",
            "Lower batch_size and raise accumulation by the same factor, or lower max_length.",
        ),
    ),
    (
        re.compile(r"DUE TO TIME.?LIMIT", re.IGNORECASE),
        _Known(
            "the scheduler's time limit was reached",
            "The job asked for less time than the run takes.",
            "Go on from the last checkpoint, and ask for more time or end the run before the limit.",
        ),
    ),
    (
        re.compile(r"^Killed\b|CANCELLED|oom.kill|SIGKILL", re.IGNORECASE),
        _Known(
            "the system killed the process",
            "Most often the machine's memory (not the GPU's) ran out, or the scheduler's limit on it was reached.",
            "Look at the machine's memory and at the job's limits; fewer data workers, fewer copies of the models.",
        ),
    ),
    (
        re.compile(r"device-side assert|index out of range in self|Target \d+ is out of bounds", re.IGNORECASE),
        _Known(
            "an index lies outside its table",
            "A token id or label that the model's vocabulary does not have: the other model's tokenizer, or padding.",
            "Repeat the batch on the CPU, and compare the largest token id with the size of the embedding.",
        ),
    ),
    (
        re.compile(
            r"collective operation timeout|NCCL (?:timeout|error)|DistBackendError|Watchdog caught", re.IGNORECASE
        ),
        _Known(
            "a process waited for the others in vain (a collective operation timed out or failed)",
            "One process is behind or dead: it took another branch, had no batch left, ran out of memory, or hangs.",
            "Look at the log of each other process at that time: the one that did not come is the one to mend.",
        ),
    ),
    (
        re.compile(r"^a traceback without its last line$"),
        _Known(
            "a traceback without its last line",
            "The log was cut there, or the process died while it printed.",
            "Look for the error in the job's other stream (standard error), or in the scheduler's log.",
        ),
    ),
)
"""How errors are known, the first that fits; those with numbers in them are told by functions."""


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


def _explain(message: str) -> _Known:
    if sizes := _SIZES.search(message):
        return _sizes(int(sizes[1]), int(sizes[2]), int(sizes[3]))
    if shapes := _SHAPES.search(message):
        return _widths(shapes[2], shapes[3])
    first = message.splitlines()[0][:200] if message else "no message was logged"
    other = _Known(first.rstrip("."), "Not one of the known texts.", "Read the last lines of the log.")
    return next((known for text, known in _TEXTS if text.search(message)), other)


def _widths(state: str, matrix: str) -> _Known:
    return _Known(
        f"a state of width {state} meets a matrix for width {matrix}",
        f"A hidden state of {state} numbers goes through a layer that was made for {matrix}: teacher and student "
        "differ in width, and one is projected with the other's projector or with none.",
        "Project the student's states to the teacher's width before comparing them; check which model the states come "
        "from.",
    )


def _sizes(a: int, b: int, dimension: int) -> _Known:
    if dimension == 0:
        return _Known(
            f"{a} against {b} in the batch dimension",
            "The two models were given different numbers of sequences: a last, smaller batch, or a cached one.",
            "Build both models' inputs from one batch, and drop nothing on one side only.",
        )
    if dimension == 1:
        return _Known(
            f"two sequence lengths, {a} and {b} tokens, in dimension 1",
            f"The same text is {a} tokens for one tokenizer and {b} for the other, and a loss compares position by "
            "position.",
            "Compare at common boundaries of the two tokenizations. Cutting both to the shorter one ends the crash and "
            "compares different text.",
        )
    return _Known(
        f"{a} against {b} in dimension {dimension}",
        "This dimension is the vocabulary or the hidden width: two vocabularies, or two widths without a projector.",
        "Map the teacher's vocabulary to the student's by the bytes of the tokens; project hidden states.",
    )


RULE = Rule(code="R501", name="crash", level=Level.ERROR, page=__doc__, needs=(), check=check)
