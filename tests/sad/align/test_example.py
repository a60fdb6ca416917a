"""From a document to examples: every byte is covered once or counted, and only what is to be learned is a label."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.align.example import Example, Readers, cut, ranges
from sad.align.reader import Reader
from sad.align.spans import windows
from sad.document import Document

PIECES = ["the", " the", " sea", "\n\n", "  ", "1,024", "夜明け", "рассвет", "🐋", "é", "<|endoftext|>", "x"]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join)
LENGTH = 12


def pairs(sentencepiece: Reader) -> list[Readers]:
    small, big, begins = tiny.reader(320), tiny.reader(400), tiny.reader(400, begins=True)
    return [Readers(small, big), Readers(big, big), Readers(sentencepiece, big), Readers(begins, sentencepiece)]


def test_a_text_is_read_once_where_both_tokenizers_cut_alike() -> None:
    alike, apart = Readers(tiny.reader(320), tiny.reader(320)), Readers(tiny.reader(320), tiny.reader(400))
    assert (alike.same, apart.same) == (True, False)
    ((mine, theirs),) = alike.read(["the sea"])
    assert mine is theirs
    ((mine, theirs),) = apart.read(["the sea"])
    assert mine is not theirs


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
    edges = sorted(draw(st.sets(st.integers(0, len(text.encode())), max_size=6)))
    return Document(text, tuple(zip(edges[::2], edges[1::2], strict=False)))


@given(document=documents(), which=st.integers(0, 3))
def test_labels_are_the_chunks_that_end_in_a_range(document: Document, which: int, sentencepiece: Reader) -> None:
    """Against a plain walk, chunk by chunk."""
    readers = pairs(sentencepiece)[which]
    size = len(document.text.encode())
    wanted = {byte for start, stop in document.learned or () for byte in range(start, stop)}
    mine, theirs = next(readers.read([document.text]))
    found, counts = cut([document], readers, LENGTH)
    kept, left_out = iter(found), 0
    for window in windows(mine, theirs, readers.room(LENGTH)):
        both = bool(readers.student.prefix and readers.teacher.prefix)
        skip = [len(readers.student.prefix), len(readers.teacher.prefix)]
        at = [
            [s - 1] * both + [int(p) + s for p in of]
            for s, of in zip(skip, (window.at_student, window.at_teacher), strict=True)
        ]
        ends = [window.origin] * both + [window.origin + int(b) for b in window.bytes_at]
        labels: list[list[int]] = [[], []]
        learned = 0
        for k, (start, stop) in enumerate(pairwise(ends)):
            if max(start, stop - 1) in wanted:
                learned += stop - start
                for side in (0, 1):
                    labels[side] += range(at[side][k], at[side][k + 1])
        if window.closes and size - 1 in wanted:
            for side in (0, 1):
                labels[side].append(at[side][-1])
        if not labels[0]:
            left_out += 1
            continue
        one = next(kept)
        assert [p.tolist() for p in one.labels()] == labels
        assert one.byte_count == learned
        special = readers.student.special, readers.teacher.special
        shared = [
            (s, t)
            for s, t in zip(*at, strict=True)
            if s in labels[0] and (special[1][one.teacher[t + 1]] or not special[0][one.student[s + 1]])
        ]
        assert list(zip(one.at_student.tolist(), one.at_teacher.tolist(), strict=True)) == shared
    assert next(kept, None) is None
    assert counts.unlabelled_windows == left_out


@given(text=texts, which=st.integers(0, 3))
def test_to_learn_all_bytes_is_to_learn_the_text(text: str, which: int, sentencepiece: Reader) -> None:
    readers = pairs(sentencepiece)[which]
    size = len(text.encode())
    half = len(text[: len(text) // 2].encode())
    plain, counts = cut([text], readers, LENGTH)
    for edges in ((0, size), (0, half, size)):
        learned = tuple((a, b) for a, b in pairwise(edges) if a < b)
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


def test_ranges_that_touch_are_joined() -> None:
    assert ranges("text") is ranges(Document("text")) is None
    assert ranges(Document("text", ())).tolist() == []
    assert ranges(Document("some text", ((0, 2), (2, 4), (6, 9)))).tolist() == [[0, 4], [6, 9]]


def test_a_mark_that_only_the_student_has_is_learned_from_the_text_alone() -> None:
    """The teacher would say that the mark begins with "<"."""
    student, teacher = tiny.reader(320), tiny.reader(400, text="no mark at all")
    spells = Reader(without_marks(teacher))
    readers = Readers(student, spells)
    text = "The sea<|endoftext|> was calm."
    (one, *_), _ = cut([text], readers, 48)
    mark = int(np.flatnonzero(one.student == student.eos)[0])
    assert mark - 1 in one.labels()[0]
    assert mark - 1 not in one.at_student
    assert mark in one.at_student
    (plain, *_), _ = cut([text], Readers(student, tiny.reader(400)), 48)
    assert int(np.flatnonzero(plain.student == student.eos)[0]) - 1 in plain.at_student


def without_marks(reader: Reader):
    """The same tokenizer, for which the marks are ordinary text."""
    import json

    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    state = json.loads(reader.tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = []
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(state)))


def test_a_window_that_tells_no_runs_has_one() -> None:
    readers = Readers(tiny.reader(320), tiny.reader(400))
    (one, *_), _ = cut([tiny.TEXT], readers, LENGTH)
    mine, theirs = one.labels()
    assert mine.tolist() == list(range(int(one.at_student[0]), len(one.student) - 1))
    assert theirs.tolist() == list(range(int(one.at_teacher[0]), len(one.teacher) - 1))
    run = np.array([[mine[0], mine[-1] + 1, theirs[0], theirs[-1] + 1]])
    assert [p.tolist() for p in replace(one, runs=run).labels()] == [mine.tolist(), theirs.tolist()]
