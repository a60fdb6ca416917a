"""Student and teacher are cut differently: one encoding is inside the setting for truncation, the other is not

## Symptom
None, or lengths that differ, on long samples only.

## Mechanism
A template has a truncation that is switched on for the time of a `with` block. The student's samples are encoded
within it, the teacher's after it has ended: they are read whole, or cut at the template's own end.

## What its documented fix did
It encodes both inside the block.

## Fix
One cut, before either model is asked: a window is a stretch of text with both readings in it (`Window` in
`sad/align/spans.py`).

## Source
modelscope/ms-swift 9716.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sad import tiny
from sad.bug import Bug
from sad.invariants.truncated_alike import Prepare, Prompted, Read, truncated_alike
from sad.shipped.preparation import preparation


class Template:
    """Encodes a prompt and its completion, cut on the left while a limit is set, and else at a limit of its own."""

    def __init__(self, own_limit: int) -> None:
        self.own_limit = own_limit
        self.limit: int | None = None

    @contextmanager
    def truncation(self, limit: int) -> Iterator[None]:
        """Set the limit for a while."""
        self.limit = limit
        yield
        self.limit = None

    def encode(self, text: Prompted) -> list[int]:
        """Return token ids."""
        ids = list(tiny.reader(320).read([text.prompt + text.completion])[0].ids)
        return ids[: self.own_limit] if self.limit is None else ids[-self.limit :]


def buggy() -> Prepare:
    """The teacher's encoding stands outside, where the template cuts on the right."""
    return lambda texts, room: _prepare(Template(room), texts, room)


def read_whole() -> Prepare:
    """The same with a template that has no limit of its own."""
    return lambda texts, room: _prepare(Template(100_000), texts, room)


fixed = preparation
"""The windows of the code that trains."""


def _prepare(template: Template, texts: Sequence[Prompted], room: int) -> Sequence[Mapping[str, Read]]:
    with template.truncation(room):
        student = [template.encode(text) for text in texts]
    teacher = [template.encode(text) for text in texts]
    return [{"the student": _read(s), "the teacher": _read(t)} for s, t in zip(student, teacher, strict=True)]


def _read(ids: list[int]) -> Read:
    return Read(b"".join(tiny.reader(320).bytes[i] or b"" for i in ids), len(ids))


BUG = Bug(
    "V309",
    "teacher-reads-the-uncut-text",
    __doc__,
    (truncated_alike,),
    buggy,
    fixed,
    variants={"read whole": read_whole},
    covers=("W03",),
)
