"""Segments: named by all that decides them, there whole or not at all, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.align.columns import packed
from sad.align.example import Counts, Readers, cut
from sad.data import cache, segments
from sad.data.segments import Group, Segment, chain, groups, opened, place, read, write
from sad.document import Document
from sad.errors import UserError

READERS = Readers(tiny.reader(320), tiny.reader(400))
SOME, COUNTS = cut([tiny.TEXT], READERS, 24)


def written(folder: Path) -> Segment:
    return write(folder, Group("key", "before", ()), 7, [(packed(SOME[:4]), COUNTS), (packed(SOME[4:]), Counts())])


@given(st.lists(st.text("ab", min_size=1, max_size=12), max_size=30), st.integers(0, 29))
def test_a_name_depends_on_all_up_to_its_end_and_on_nothing_after(texts: list[str], changed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "FIRST", 8)
        patch.setattr(segments, "MOST", 20)
        found = list(groups(texts, READERS, 24))
        assert [text for one in found for text in one.documents] == texts
        assert [one.previous for one in found] == ["", *(one.key for one in found)][: len(found)]
        for number, one in enumerate(found[:-1]):
            size = sum(map(len, one.documents))
            assert size >= min(8 * 2**number, 20) > size - len(one.documents[-1])
        if changed < len(texts):
            others = [*texts[:changed], texts[changed] + "b", *texts[changed + 1 :]]
            before = sum(1 for one in found if texts.index(one.documents[0], 0) >= 0 and _ends(found, one) <= changed)
            other = list(groups(others, READERS, 24))
            assert [one.key for one in other[:before]] == [one.key for one in found[:before]]
            assert {one.key for one in other[before:]}.isdisjoint({one.key for one in found[before:]})


def _ends(found: list[Group], one: Group) -> int:
    """Documents up to the end of a group."""
    return sum(len(of.documents) for of in found[: found.index(one) + 1])


def test_tokenizers_length_and_what_is_learned_decide_the_name() -> None:
    keys = [
        next(groups(*of)).key
        for of in (
            (["ab"], READERS, 24),
            (["ab"], READERS, 25),
            (["ab"], Readers(READERS.teacher, READERS.student), 24),
            ([Document("ab", ((0, 1),))], READERS, 24),
        )
    ]
    assert len(set(keys)) == 4


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = written(tmp_path)
    assert read(tmp_path, "key") == made
    assert (made.first, made.windows, made.stop) == (7, len(SOME), 7 + len(SOME))
    assert made.labels == sum(len(one.labels()[0]) for one in SOME)
    assert made.boundaries == sum(len(one.at_student) for one in SOME)
    assert made.counts == COUNTS
    found = opened(tmp_path, made, "the stream")
    assert [one.student.tolist() for one in found] == [one.student.tolist() for one in SOME]
    assert [path.name for path in tmp_path.iterdir()] == ["key.arrow"]


def test_what_is_not_whole_or_another_is_none(tmp_path: Path) -> None:
    written(tmp_path)
    file = place(tmp_path, "key")
    whole = file.read_bytes()
    assert read(tmp_path, "another") is None
    place(tmp_path, "another").write_bytes(whole)
    assert read(tmp_path, "another") is None
    for part in (0.0, 0.4, 0.99):
        file.write_bytes(whole[: int(part * len(whole))])
        assert read(tmp_path, "key") is None


def test_a_number_that_has_changed_on_the_disk_is_found(tmp_path: Path) -> None:
    made = written(tmp_path)
    file = place(tmp_path, "key")
    whole = bytearray(file.read_bytes())
    at = whole.index(SOME[0].student.astype("int32").tobytes())
    whole[at] ^= 1
    file.write_bytes(whole)
    with pytest.raises(UserError, match=r"^the stream: .*key\.arrow is damaged or gone; remove it"):
        opened(tmp_path, made, "the stream")


def test_a_crash_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "sync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_chain_goes_back_to_the_beginning_and_on_while_there_is_one_way(tmp_path: Path) -> None:
    def put(key: str, previous: str, first: int) -> None:
        write(tmp_path, Group(key, previous, ()), first, [(packed(SOME), COUNTS)])

    def keys(key: str) -> list[str]:
        return [one.key for one in chain(tmp_path, key)]

    size = len(SOME)
    for number, (key, previous) in enumerate([("a", ""), ("b", "a"), ("c", "b"), ("d", "c")]):
        put(key, previous, number * size)
    assert keys("b") == keys("d") == ["a", "b", "c", "d"]
    assert keys("") == keys("x") == []
    put("e", "c", 3 * size)
    assert keys("a") == ["a", "b", "c"]
    assert keys("e") == ["a", "b", "c", "e"]
    # behind another number of windows it is none
    put("f", "e", 7)
    assert keys("e") == ["a", "b", "c", "e"]
    place(tmp_path, "b").unlink()
    assert keys("c") == []
