"""Texts as the training loop prepares them for both models, with two tokenizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sad import data, tiny
from sad.align.reader import Ints, Reader
from sad.invariants.truncated_alike import Prepare, Prompted, Read


def preparation() -> Prepare:
    """Return how texts are cut into examples."""
    return _prepare


def _prepare(texts: Sequence[Prompted], room: int) -> Sequence[Mapping[str, Read]]:
    readers = data.Readers(tiny.reader(320), tiny.reader(400))
    found = data.examples([one.prompt + one.completion for one in texts], readers, room)
    return [
        {
            "the student": _read(example.student, readers.student),
            "the teacher": _read(example.teacher, readers.teacher),
        }
        for example in found
    ]


def _read(ids: Ints, reader: Reader) -> Read:
    spelled = [reader.bytes[i] for i in ids.tolist()]
    text = b"".join(one or b"" for one in spelled)
    return Read(text, sum(one is not None for one in spelled), ended=int(ids[-1]) == reader.eos)
