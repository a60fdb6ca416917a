"""Texts as the training loop prepares them for both models, with two tokenizers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

from sad import data, tiny
from sad.align.example import Written, cut, text_of
from sad.align.reader import Ints, Reader
from sad.assets.store import cache_folder
from sad.data import cache, facts, pools, segments
from sad.data.maker import ChangedError
from sad.document import Document
from sad.errors import UserError
from sad.invariants.truncated_alike import Prepare, Prompted, Read

SENTENCE = "The sea was calm."
PARTS = ((3, 7), (11, 15))
"""What is learned of it, in bytes: two stretches that do not touch."""
FEW = 2
"""Texts that are prepared at a time, so that a few are several portions."""
SEGMENTS = 8
BROKEN = "the line is dead"


def preparation() -> Prepare:
    """Return how texts are cut into examples."""
    return _prepare


def _prepare(texts: Sequence[Prompted], room: int) -> Sequence[Mapping[str, Read]]:
    readers = data.Readers(tiny.reader(320), tiny.reader(400))
    found = prepared([one.prompt + one.completion for one in texts], readers, room)
    # of which a part is learned
    parts = [Document(t.prompt + t.completion, ((len(t.prompt), len(t.prompt + t.completion)),)) for t in texts]
    if some := [part for part, one in zip(parts, texts, strict=True) if one.completion]:
        prepared([*some, Document(SENTENCE, PARTS)], readers, room)
    # and all but its last character: then its end is not learned either
    short = [Document(text, ((0, len(text) - 1),)) for text in (SENTENCE, *(of.text for of in parts)) if len(text) > 1]
    for example in prepared(short, readers, room):
        ends = example.student[example.labels()[0] + 1] == readers.student.eos
        assert not ends.any(), "the end of a text is learned that is not"
    _check_learned(SENTENCE + texts[0].prompt, readers)
    return [
        {
            "the student": _read(example.student, readers.student),
            "the teacher": _read(example.teacher, readers.teacher),
        }
        for example in found
    ]


def _check_learned(text: str, readers: data.Readers) -> None:
    """Raise AssertionError where of a text with some learned ranges other tokens are labels than those in them.

    Of a stretch between two bytes at which both tokenizers end a token, the last byte decides.
    """
    size = len(text.encode())
    third = size // 3
    for learned in (((0, 2), (third, 2 * third)), ((3, 4), (5, third), (third, third + 1), (2 * third, size))):
        (one,) = data.examples([Document(text, learned)], readers, 2 * size)
        inside = {byte for start, stop in learned for byte in range(start, stop)} | ({size} & {learned[-1][1]})
        sides = [(one.student, readers.student), (one.teacher, readers.teacher)]
        ends = [np.cumsum([len(reader.bytes[i] or b"") for i in ids.tolist()]) for ids, reader in sides]
        common = np.intersect1d(ends[0], ends[1])
        for (ids, reader), end, labels, at in zip(
            sides, ends, one.labels(), (one.at_student, one.at_teacher), strict=True
        ):
            # the end mark stands behind the last byte; before the first common end there is nothing to begin from
            last = [
                size if ids[i] == reader.eos else common[np.searchsorted(common, end[i])] - 1 for i in range(len(ids))
            ]
            wanted = [i - 1 for i, byte in enumerate(last) if byte in inside and end[i - 1] >= common[0] and i]
            assert labels.tolist() == wanted, "other labels than the tokens of what is learned"
            assert at.tolist() == [i for i in wanted if end[i] in common], "compared elsewhere than where is learned"
        bytes_of = [len(readers.student.bytes[i] or b"") for i in one.student[one.labels()[0] + 1].tolist()]
        assert one.byte_count == sum(bytes_of), "another number of bytes is learned"


def prepared(texts: Sequence[Written], readers: data.Readers, max_length: int) -> data.Prepared:
    """Return the examples of texts as a run gets them that finds them again.

    Before, the same folder got the same texts at another length, other texts, these texts with all of each learned, and
    texts that begin and end elsewhere. Raises AssertionError where the examples are not those of the run that wrote
    them, or of one that may write nowhere, where they are prepared once more, or where a stream is taken for another,
    or not found again.
    """
    with _folder() as nowhere:
        whole = [text_of(one) for one in texts]
        moved = [whole[-1] + whole[0], *whole[1:-1]] if len(texts) > 1 else []
        for others, length in ((texts, max_length - 1), *((some, max_length) for some in (texts[:-1], whole, moved))):
            if others and (length, others) != (max_length, texts):
                data.prepare(others, readers, length)
        made = [list(data.prepare(texts, readers, max_length, where)) for where in (None, nowhere)]
        with patch.object(cache, "_fresh", side_effect=AssertionError("what was prepared is prepared again")):
            found = data.prepare(texts, readers, max_length)
        assert _told(found) == _told(made[0]) == _told(made[1]), "examples of other texts, or of another run"
        _check_limit(texts, readers, max_length, found)
        # a segment for each text
        with patch.multiple(segments, FIRST=1, MOST=1):
            _check_stream(texts, readers, max_length, _told(found))
            _check_parts(texts, readers, max_length, found)
        counts = found.counts
        assert counts.documents == len(texts), "another number of texts"
        assert counts.windows == len(found), "another number of windows"
        # two tokenizers of bytes share every end of a text: none of it is lost
        assert counts.kept + counts.unlabelled == counts.bytes == _size(texts), "another number of bytes"
        assert cache.content_key(texts, readers, max_length)[1] == _size(texts), "another number of bytes"
        assert counts.kept >= sum(one.byte_count for one in found), "fewer bytes than are learned"
        assert found.labels == sum(len(one.labels()[0]) for one in found), "another number of labels"
        assert facts.coverage(found) == facts.coverage(list(found)), "another share of the labels"
        return found


@contextmanager
def streamed(texts: Sequence[str], readers: data.Readers, max_length: int) -> Iterator[data.Streamed]:
    """Give a stream of texts that nobody has read yet, in a few segments; while this is open it can be read."""
    some = 1 + _size(texts) // SEGMENTS
    with _folder(), patch.multiple(segments, FIRST=some, MOST=some), patch.object(pools, "FIRST", 1):
        yield data.Streamed(iter(texts), readers, max_length, workers=0)


def _check_limit(texts: Sequence[Written], readers: data.Readers, max_length: int, found: data.Prepared) -> None:
    """Raise AssertionError where the first examples of texts are others, or more is prepared than they need."""
    first = len(cut(texts[:FEW], readers, max_length)[0])
    for limit in {1, max(1, first), len(found) + 1}:
        few = data.examples(texts, readers, max_length, limit)
        made, again = (data.prepare(texts, readers, max_length, limit=limit) for _ in range(2))
        assert all(_told(some) == _told(found)[:limit] for some in (few, made, again)), "the first examples are others"
        counts = made.counts
        before = cut(texts[: counts.documents - FEW], readers, max_length)[0] if counts.documents > FEW else []
        assert len(before) < limit, "for the first examples more is prepared than they need"


def _whole(texts: Sequence[Written], readers: data.Readers, max_length: int, up_to: str = "") -> data.Streamed:
    """A stream that is read to its end, with all its files open; ``up_to`` a segment it is as it was prepared."""
    found = data.Streamed(iter(texts), readers, max_length, workers=0)
    found.take_up(up_to)
    found.need(sys.maxsize)
    found.check()
    list(found)
    return found


def _check_stream(texts: Sequence[Written], readers: data.Readers, max_length: int, told: object) -> None:
    """Raise AssertionError where a stream is not what its texts are, or not found again."""
    one = _whole(texts, readers, max_length)
    assert _told(one) == told, "a stream gives other examples than its texts"
    with patch.object(segments, "write", side_effect=AssertionError("a stream is prepared again")):
        # found as a run does that begins, and adopted as one does that goes on
        for again in (_whole(texts, readers, max_length, up_to) for up_to in ("", one.key_at(len(one)))):
            assert one.fingerprint == again.fingerprint, "the same stream is another"
            assert _told(again) == told, "a stream that is found again gives other examples"
    assert _adopted(texts, readers, max_length, one.key_at(1)) == len(one), "of what is on disk some is not taken"
    _check_another(one, list(texts), readers, max_length)
    # a segment is gone
    first = segments.place(cache_folder() / "prepared" / "streams", one.key_at(1))
    first.unlink()
    assert not _adopted(texts, readers, max_length, one.key_at(len(one))), "a part is taken of which the first is gone"
    assert _told(_whole(texts, readers, max_length)) == told, "what was gone is prepared otherwise"
    assert first.exists(), "what was gone is not prepared"


def _adopted(texts: Sequence[Written], readers: data.Readers, max_length: int, key: str) -> int:
    """Return how many windows are there of a stream of which nothing is read, once it is taken up to a segment."""
    found = data.Streamed(iter(texts), readers, max_length, workers=0)
    found.take_up(key)
    return len(found)


def _check_parts(texts: Sequence[Written], readers: data.Readers, max_length: int, found: data.Prepared) -> None:
    """Raise AssertionError where a stream that is read in part, or breaks, is not the first part of its texts."""
    some, every = (len(found) + 1) // 2, list(found)
    one, ended = (data.Streamed(iter(texts), readers, max_length, workers=0) for _ in range(2))
    assert one.need(some) == some <= len(one), "fewer windows than were waited for"
    there = len(one)
    known = [one.size]
    assert known == [None], "the end of a stream that goes on is known"
    assert _told(one[:there]) == _told(every[:there]), "a part of a stream gives other examples"
    for first, stop in ((0, there), (there // 3, there - there // 4), (there - 1, there)):
        assert [of.tolist() for of in one.sizes(first, stop)] == _sizes(every[first:stop]), "other lengths"
    key = one.key_at(some)
    assert one.need(sys.maxsize) == one.size == len(found), "another number of windows"
    assert one.key_at(some) == key, "what was trained on changes while a stream is read on"
    for of in (one, found):
        assert [of.lengths.tolist(), of.longest_side.tolist()] == _sizes(every), "other lengths"
    assert (one.labels, one.boundaries) == (found.labels, found.boundaries), "another number of labels"
    assert found.boundaries == sum(len(of.at_student) for of in every), "another number of boundaries"
    assert one.counts == found.counts, "something else became of the text"
    ended.end_at(some)
    assert ended.need(sys.maxsize) == ended.size == len(ended) == some, "a stream goes on behind its end"
    assert _told(ended) == _told(every[:some]), "a stream that was ended gives other examples"
    broken = data.Streamed(_breaking(texts), readers, max_length, workers=0)
    for _ in range(2):
        told = ""
        try:
            broken.need(sys.maxsize)
        except UserError as error:
            told = str(error)
        assert BROKEN in told, "a stream that breaks is taken for one that has ended"


def _sizes(some: Sequence[data.Example]) -> list[list[int]]:
    """The tokens of some examples: of both sides, and of the longer one."""
    both = [(len(one.student), len(one.teacher)) for one in some]
    return [[sum(sides) for sides in both], [max(sides) for sides in both]]


def _breaking(texts: Sequence[Written]) -> Iterator[Written]:
    yield from texts
    raise OSError(BROKEN)


def _check_another(one: data.Streamed, texts: list[Written], readers: data.Readers, max_length: int) -> None:
    """Raise AssertionError where a stream that differs in its last text is taken for this one."""
    texts = [*texts[:-1], f"{text_of(texts[-1])} {SENTENCE}"]
    other = _whole(texts, readers, max_length)
    assert one.fingerprint != other.fingerprint, "another stream is the same"
    begun = data.Streamed(iter(texts), readers, max_length, workers=0)
    begun.need(len(other))
    # of what is known of a stream both are no continuation: of another one, and of one that has ended
    for taking, key in ((begun, one.key_at(len(one))), (other, one.key_at(len(one))), (one, other.key_at(len(other)))):
        there = len(taking), taking.labels
        if taking.key_at(len(taking)) != key:
            taking.take_up(key)
        assert (len(taking), taking.labels) == there, "what is no continuation of a stream is taken for one"
    if len(texts) > 1:
        both = len(data.examples(texts[:-1], readers, max_length))
        assert _adopted(texts, readers, max_length, one.key_at(1)) == both, "a way is taken where there are two"
    try:
        _whole(texts, readers, max_length, one.key_at(len(one)))
    except ChangedError:
        return
    raise AssertionError("a run goes on with a stream that is not what it was")


def _size(texts: Sequence[Written]) -> int:
    return sum(len(text_of(text).encode()) for text in texts)


@contextmanager
def _folder() -> Iterator[Path]:
    """Let all be kept in a folder that is thrown away, and give one that nobody can make; a few texts at a time are put
    there, and no disk is waited for. A file that is open outlives its folder.
    """
    few, hasty = patch.object(cache, "CHUNK", FEW), patch.object(cache, "sync")
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as made,
        few,
        hasty,
        patch.dict(os.environ, SAD_CACHE=made),
    ):
        (Path(made) / "file").touch()
        yield Path(made) / "file" / "folder"


def _told(some: Sequence[data.Example]) -> list[tuple[list[int] | int, ...]]:
    """All that there is of some examples."""
    every = [(e.student, e.teacher, e.at_student, e.at_teacher, *e.labels()) for e in some]
    return [(*(of.tolist() for of in one), e.byte_count) for one, e in zip(every, some, strict=True)]


def _read(ids: Ints, reader: Reader) -> Read:
    spelled = [reader.bytes[i] for i in ids.tolist()]
    text = b"".join(one or b"" for one in spelled)
    return Read(text, sum(one is not None for one in spelled), ended=int(ids[-1]) == reader.eos)
