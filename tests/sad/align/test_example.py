"""From a document to examples: every byte is covered once or counted, and only what is to be learned is a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.align.example import Example, Readers, assemble, cut, ranges
from sad.align.reader import Reader
from sad.align.spans import windows

PIECES = ["the", " the", " sea", "\n\n", "  ", "1,024", "夜明け", "рассвет", "🐋", "é", "<|endoftext|>", "x"]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join)
LENGTH = 12


@dataclass(frozen=True)
class Document:
    text: str
    learned: tuple[tuple[int, int], ...] | None = None


def pairs(sentencepiece: Reader) -> list[Readers]:
    small, big, begins = tiny.reader(320), tiny.reader(400), tiny.reader(400, begins=True)
    return [Readers(small, big), Readers(big, big), Readers(sentencepiece, big), Readers(begins, sentencepiece)]


def begins_and_ends(found: list[Example], text: str, readers: Readers) -> list[tuple[int, int]]:
    """Where each example lies in the text, told from what its tokens spell."""
    places, at = [], 0
    whole = text.encode()
    for one in found:
        ids = [i for i in one.student[len(readers.student.prefix) :].tolist() if i != readers.student.eos]
        spelled = b"".join(readers.student._spelled[i] or b"" for i in ids)
        if not whole.startswith(spelled, at) and spelled[:1] == b" ":
            spelled = spelled[1:]
        start = whole.index(spelled, at)
        places.append((start, start + len(spelled)))
        at = start + len(spelled)
    return places


@given(text=texts, which=st.integers(0, 3))
def test_every_byte_is_covered_once_or_counted_as_left_out(text: str, which: int, sentencepiece: Reader) -> None:
    readers = pairs(sentencepiece)[which]
    found, counts = cut([text], readers, LENGTH)
    assert (counts.documents, counts.bytes, counts.windows) == (1, len(text.encode()), len(found))
    assert 0 <= counts.kept <= counts.bytes
    mine, theirs = next(readers.read([text]))
    places = [(w.origin, w.origin + int(w.bytes_at[-1])) for w in windows(mine, theirs, readers.room(LENGTH))]
    assert all(before[1] <= after[0] for before, after in pairwise(places))
    assert counts.kept == sum(stop - start for start, stop in places)
    if "<|endoftext|>" not in text and which < 2:
        assert sum(stop - start for start, stop in begins_and_ends(found, text, readers)) == counts.kept


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(texts)
    size = len(text.encode())
    edges = sorted(draw(st.lists(st.integers(0, size), max_size=6)))
    return Document(text, tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)))


@given(document=documents(), which=st.integers(0, 3))
def test_labels_are_the_chunks_that_lie_in_a_range(document: Document, which: int, sentencepiece: Reader) -> None:
    """Against a plain walk: chunk by chunk, byte by byte."""
    readers = pairs(sentencepiece)[which]
    wanted = {byte for start, stop in document.learned or () for byte in range(start, stop)}
    mine, theirs = next(readers.read([document.text]))
    left_out = 0
    found, counts = cut([document], readers, LENGTH)
    kept = iter(found)
    for window in windows(mine, theirs, readers.room(LENGTH)):
        whole = assemble(window, readers)
        place = {int(p): k for k, p in enumerate(whole.at_student)}
        begins = len(window.bytes_at) - len(whole.at_student) - (len(whole.student) - 1 > whole.at_student[-1] + 0) * 0
        bytes_at = window.bytes_at.tolist()
        both = bool(readers.student.prefix and readers.teacher.prefix)
        bytes_at = [0, *bytes_at] if both else bytes_at
        labels: list[int] = []
        theirs_too: list[int] = []
        size = 0
        closed = int(whole.at_student[-1]) == len(whole.student) - 2 and len(place) == len(bytes_at)
        edges = [*whole.at_student.tolist(), len(whole.student) - 1]
        far = [*whole.at_teacher.tolist(), len(whole.teacher) - 1]
        for k, (start, stop) in enumerate(pairwise(bytes_at)):
            chunk = set(range(window.origin + start, window.origin + stop))
            empty_inside = not chunk and window.origin + start in wanted
            if (chunk and chunk <= wanted) or empty_inside:
                labels += range(edges[k], edges[k + 1])
                theirs_too += range(far[k], far[k + 1])
                size += len(chunk)
        if closed and document.learned and max(stop for a, stop in document.learned if stop > a or a == stop) >= len(
            document.text.encode()
        ) and wanted:
            labels += range(edges[-2], edges[-1])
            theirs_too += range(far[-2], far[-1])
        if not labels:
            left_out += 1
            continue
        one = next(kept)
        assert begins is not None
        assert [p.tolist() for p in one.labels()] == [labels, theirs_too]
        assert one.byte_count == size
        assert one.at_student.tolist() == [p for p in whole.at_student.tolist() if p in set(labels)]
        assert one.student.tolist() == whole.student.tolist()
    assert next(kept, None) is None
    assert counts.unlabelled_windows == left_out


@given(text=texts, which=st.integers(0, 3))
def test_to_learn_all_bytes_is_to_learn_the_text(text: str, which: int, sentencepiece: Reader) -> None:
    readers = pairs(sentencepiece)[which]
    size = len(text.encode())
    half = len(text[: len(text) // 2].encode())
    plain, counts = cut([text], readers, LENGTH)
    for learned in (((0, size),), ((half, size), (0, half))):
        found, others = cut([Document(text, learned)], readers, LENGTH)
        assert (others.kept, others.unlabelled) == (counts.kept, counts.unlabelled)
        for one, other in zip(plain, found, strict=True):
            assert [p.tolist() for p in one.labels()] == [p.tolist() for p in other.labels()]
            assert one.at_teacher.tolist() == other.at_teacher.tolist()
            assert one.byte_count == other.byte_count


def test_windows_without_a_label_are_left_out_and_counted() -> None:
    readers = Readers(tiny.reader(320), tiny.reader(400))
    text = tiny.TEXT
    plain, whole = cut([text], readers, LENGTH)
    found, counts = cut([Document(text, ((0, 60),))], readers, LENGTH)
    assert 0 < len(found) < len(plain)
    assert counts.unlabelled_windows == len(plain) - len(found)
    assert counts.kept + counts.unlabelled == whole.kept
    assert cut([Document(text, ())], readers, LENGTH)[0] == []


def test_the_end_mark_is_learned_where_the_end_of_the_text_is() -> None:
    readers = Readers(tiny.reader(320), tiny.reader(400))
    text = "The sea was calm."
    size = len(text)
    for learned, ended in (((4, size),), True), (((4, size - 1),), False):
        (one,), _ = cut([Document(text, learned)], readers, 32)
        assert int(one.student[-1]) == readers.student.eos
        mine, theirs = one.labels()
        assert (int(mine[-1]) == len(one.student) - 2) == ended
        assert (int(theirs[-1]) == len(one.teacher) - 2) == ended


def test_ranges_are_put_in_order_and_joined() -> None:
    assert ranges("text") is ranges(Document("text")) is None
    assert ranges(Document("text", ())).tolist() == []
    assert ranges(Document("some text", ((6, 9), (0, 2), (2, 4), (5, 5)))).tolist() == [[0, 4], [6, 9]]
    with pytest.raises(ValueError, match="ends at byte 1, before it begins at 3"):
        ranges(Document("text", ((3, 1),)))


def test_a_window_that_tells_no_runs_has_one() -> None:
    readers = Readers(tiny.reader(320), tiny.reader(400))
    (one, *_), _ = cut([tiny.TEXT], readers, LENGTH)
    mine, theirs = one.labels()
    assert mine.tolist() == list(range(int(one.at_student[0]), len(one.student) - 1))
    assert theirs.tolist() == list(range(int(one.at_teacher[0]), len(one.teacher) - 1))
    run = np.array([[mine[0], mine[-1] + 1, theirs[0], theirs[-1] + 1]])
    assert [p.tolist() for p in replace(one, runs=run).labels()] == [mine.tolist(), theirs.tolist()]
