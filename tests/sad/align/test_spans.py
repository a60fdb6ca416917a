"""Common boundaries and windows: on readings of real text, and on any readings at all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.align.reader import NO_END, Reader, Reading
from sad.align.spans import Common, Window, common, windows

PIECES = [
    "the",
    " the",
    "sea",
    " was",
    "\n\n",
    " ",
    "  ",
    "1,024",
    "夜明け前",
    "рассвет",
    "🐋",
    "👩‍🚀",
    "é",
    "e\u0301",
    "x",
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=20).map("".join)


def read_so_far(reader: Reader, reading: Reading, token: int) -> bytes:
    """Spell what has been read after ``token``, without the space that a tokenizer puts first."""
    return b"".join(reader.bytes[i] or b"" for i in reading.ids[: token + 1].tolist())


@given(text=texts, who=st.permutations([0, 1, 2]))
def test_at_a_common_boundary_both_have_read_the_same_bytes(text: str, who: list[int], sentencepiece: Reader) -> None:
    readers = [tiny.reader(320), tiny.reader(400), sentencepiece]
    student, teacher = readers[who[0]], readers[who[1]]
    (s,), (t,) = student.read([text]), teacher.read([text])
    shared = common(s, t)
    space = b"" if text.startswith(" ") else b" "
    for at_s, at_t, end in zip(shared.student.tolist(), shared.teacher.tolist(), shared.end.tolist(), strict=True):
        expected = text.encode()[:end]
        assert read_so_far(student, s, at_s) in (expected, space + expected)
        assert read_so_far(teacher, t, at_t) in (expected, space + expected)
    assert not text or shared.end[-1] == len(text.encode())


@given(text=texts)
def test_with_a_reader_that_changes_the_text_boundaries_hold_too(text: str, folding: Reader) -> None:
    student = tiny.reader(320)
    (s,), (t,) = student.read([text]), folding.read([text])
    shared = common(s, t)
    for at_s, end in zip(shared.student.tolist(), shared.end.tolist(), strict=True):
        assert read_so_far(student, s, at_s) == text.encode()[:end]
    assert (t.ends[shared.teacher] == shared.end).all()


@given(text=texts)
def test_one_reading_has_a_boundary_after_every_token(text: str, sentencepiece: Reader, folding: Reader) -> None:
    for reader in (tiny.reader(400), sentencepiece, folding):
        (reading,) = reader.read([text])
        shared = common(reading, reading)
        everywhere = list(range(len(reading.ids)))
        assert shared.student.tolist() == everywhere
        assert shared.teacher.tolist() == everywhere
        assert (np.diff(shared.end) >= 0).all()
        known = reading.ends != NO_END
        assert shared.end[known].tolist() == reading.ends[known].tolist()


@st.composite
def readings(draw: st.DrawFn) -> tuple[Reading, Reading]:
    """Two readings of one text; token ``i`` has id ``i``, so that a window tells where it was cut."""
    size = draw(st.integers(1, 40))

    def one() -> Reading:
        inner = sorted(draw(st.sets(st.integers(1, size), max_size=size)))
        # a letter in pieces has been read after the last of them
        pieces = [[NO_END] * draw(st.integers(0, 1)) + [e if draw(st.integers(0, 9)) else NO_END] for e in inner]
        ends = [end for some in pieces for end in some]
        return Reading(np.arange(len(ends)), np.array(ends, dtype=np.int64))

    return one(), one()


@given(readings())
def test_boundaries_are_all_the_shared_ends_each_after_its_token(two: tuple[Reading, Reading]) -> None:
    shared = common(*two)
    ends = [set(r.ends[r.ends != NO_END].tolist()) for r in two]
    assert shared.end.tolist() == sorted(ends[0] & ends[1])
    for reading, at in zip(two, (shared.student, shared.teacher), strict=True):
        for token, end in zip(at.tolist(), shared.end.tolist(), strict=True):
            assert reading.ends[token] == end


@given(readings(), st.integers(1, 12))
def test_windows_never_overlap_and_never_exceed_the_length(two: tuple[Reading, Reading], length: int) -> None:
    found = list(windows(*two, length))
    for w in found:
        assert 0 < len(w.student) <= length
        assert 0 < len(w.teacher) <= length
        assert len(w.at_student) == len(w.at_teacher) == len(w.bytes_at) >= 2
        assert (np.diff(w.student) == 1).all()
        assert (np.diff(w.teacher) == 1).all()
        assert w.at_student[-1] == len(w.student) - 1
        assert w.at_teacher[-1] == len(w.teacher) - 1
    for before, after in pairwise(found):
        assert before.student[-1] < after.student[0]
        assert before.teacher[-1] < after.teacher[0]


@given(readings(), st.integers(1, 12))
def test_a_window_starts_and_ends_at_a_common_boundary(two: tuple[Reading, Reading], length: int) -> None:
    shared = common(*two)
    starts = {(0, 0), *((s + 1, t + 1) for s, t in zip(shared.student.tolist(), shared.teacher.tolist(), strict=True))}
    pairs = set(zip(shared.student.tolist(), shared.teacher.tolist(), shared.end.tolist(), strict=True))
    for w in windows(*two, length):
        assert (int(w.student[0]), int(w.teacher[0])) in starts
        read_before = max((e for s, t, e in pairs if s < w.student[0] and t < w.teacher[0]), default=0)
        inside = zip(w.student[w.at_student], w.teacher[w.at_teacher], w.bytes_at + read_before, strict=True)
        assert {(int(s), int(t), int(e)) for s, t, e in inside} <= pairs


def chunks(shared: Common) -> list[tuple[int, int]]:
    """Tokens of each side between one boundary and the next."""
    s, t = np.diff(shared.student, prepend=-1), np.diff(shared.teacher, prepend=-1)
    return list(zip(s.tolist(), t.tolist(), strict=True))


@given(readings(), st.integers(1, 12))
def test_what_is_left_out_does_not_fit(two: tuple[Reading, Reading], length: int) -> None:
    shared, found = common(*two), list(windows(*two, length))
    taken = {int(i) for w in found for i in w.student[w.at_student]}
    fits = [max(chunk) <= length for chunk in chunks(shared)]
    sizes = chunks(shared)
    for k, token in enumerate(shared.student.tolist()):
        if token in taken or not fits[k]:
            continue
        # a chunk alone: with the next one it would be too long, or there is none
        together = [sum(side) for side in zip(*sizes[k : k + 2], strict=True)]
        assert k + 1 == len(sizes) or max(together) > length


@given(readings(), st.integers(1, 12))
def test_only_a_window_after_which_nothing_is_left_closes_the_text(two: tuple[Reading, Reading], length: int) -> None:
    for w in windows(*two, length):
        left = [len(r.ids) - 1 - int(ids[-1]) for r, ids in zip(two, (w.student, w.teacher), strict=True)]
        assert w.closes == (left == [0, 0])


@given(text=texts, length=st.integers(8, 40))
def test_long_enough_windows_cover_a_real_text(text: str, length: int) -> None:
    (reading,) = tiny.reader(320).read([text])
    found: list[Window] = list(windows(reading, reading, length))
    covered = sum(len(w.student) for w in found)
    # a last token alone is no window
    assert len(reading.ids) - covered <= 1


def test_nothing_in_common_gives_no_window() -> None:
    left, right = Reading(np.arange(2), np.array([1, 3])), Reading(np.arange(2), np.array([2, 4]))
    assert list(windows(left, right, 8)) == []
    assert list(windows(left, Reading(np.arange(0), np.empty(0, dtype=np.int64)), 8)) == []
