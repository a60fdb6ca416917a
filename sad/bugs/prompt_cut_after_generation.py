"""The prompt is cut after the student has written, at the other end than the student saw

## Symptom
None. The longer the prompt, the stranger the teacher's judgement of what the student wrote.

## Mechanism
The student writes from the last tokens of a long prompt: generation cuts on the left. The prompt with the completion
is then cut to the same number of tokens for the losses, on the right, or the prompt from its start. Teacher and
student judge a completion in another context than the one that it was written in.

## What its documented fix did
It sets the room aside before generation and keeps the end of the prompt for everyone.

## Fix
The code that trains generates nothing; it cuts texts into windows at places where both tokenizers have read the same
bytes (`sad/align/spans.py`), once for both models. The property is judged there.

## Source
huggingface/trl 6359.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sad import tiny
from sad.bug import Bug
from sad.invariants.truncated_alike import Prepare, Prompted, Read, truncated_alike
from sad.shipped.preparation import preparation

NEW_TOKENS = 16
"""Room for the completion."""


def buggy() -> Prepare:
    """Written from the prompt's end, judged behind its start."""

    def on_policy(texts: Sequence[Prompted], room: int) -> Sequence[Mapping[str, Read]]:
        return [_readings(text, room - NEW_TOKENS) for text in texts]

    return on_policy


fixed = preparation
"""The windows of the code that trains."""


def _readings(text: Prompted, room: int) -> Mapping[str, Read]:
    prompt, written = _ids(text.prompt), _ids(text.completion)[:NEW_TOKENS]
    judged = _read(prompt[:room] + written)
    return {
        "the student that wrote": _read(prompt[-room:] + written),
        "the student that is trained": judged,
        "the teacher": judged,
    }


def _ids(text: str) -> list[int]:
    return list(tiny.reader(320).read([text])[0].ids)


def _read(ids: list[int]) -> Read:
    return Read(b"".join(tiny.reader(320).bytes[i] or b"" for i in ids), len(ids))


BUG = Bug(
    "V308",
    "prompt-cut-after-generation",
    __doc__,
    (truncated_alike,),
    buggy,
    fixed,
    covers=("T12",),
)
