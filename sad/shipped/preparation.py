"""Texts as the training loop prepares them for both models, with two tokenizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sad import data, tiny
from sad.align.reader import Ints, Reader
from sad.invariants.truncated_alike import Prepare, Prompted, Read


def preparation() -> Prepare:
    """Return how texts are cut into examples."""
    return _prepare


def _prepare(texts: Sequence[Prompted], room: int) -> Sequence[Mapping[str, Read]]:
    readers = data.Readers(tiny.reader(320), tiny.reader(400))
    found = prepared([one.prompt + one.completion for one in texts], readers, room)
    return [
        {
            "the student": _read(example.student, readers.student),
            "the teacher": _read(example.teacher, readers.teacher),
        }
        for example in found
    ]


def prepared(texts: Sequence[str], readers: data.Readers, max_length: int) -> list[data.Example]:
    """Return the examples of texts as a run gets them: written to a file, and read from it."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as made:
        return list(data.prepare(texts, readers, max_length, Path(made)))


def _read(ids: Ints, reader: Reader) -> Read:
    spelled = [reader.bytes[i] for i in ids.tolist()]
    text = b"".join(one or b"" for one in spelled)
    return Read(text, sum(one is not None for one in spelled), ended=int(ids[-1]) == reader.eos)
