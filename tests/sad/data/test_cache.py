"""Prepared once and kept: what comes from the cache is what was made, to the bit; half a file is no file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import warm
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.align.columns import LISTS
from sad.align.example import Example, Readers
from sad.data import cache as module
from sad.data import examples, prepare
from sad.data.cache import chunks, content_key, default_workers
from sad.document import Document
from sad.errors import UserError

LENGTH = 24
TEXTS = tiny.TEXT.split("\n\n")[:-1]
SOME = [*TEXTS, Document(TEXTS[0], ((3, 60),)), *TEXTS]


def readers() -> Readers:
    return Readers(tiny.reader(320), tiny.reader(400))


def assert_same(left: Example, right: Example) -> None:
    for name in LISTS:
        mine, theirs = getattr(left, name), getattr(right, name)
        assert (mine is None) == (theirs is None)
        assert mine is None or (np.array_equal(mine, theirs) and mine.dtype == theirs.dtype)
    assert left.byte_count == right.byte_count


@pytest.mark.parametrize("workers", [0, 2])
def test_cached_is_fresh_to_the_bit(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    plain = examples(SOME, readers(), LENGTH)
    fresh = prepare(SOME, readers(), LENGTH, tmp_path, workers=workers)
    kept = prepare(SOME, readers(), LENGTH, tmp_path, workers=workers)
    assert "prepared in" in fresh.told
    assert "from the cache" in kept.told
    assert fresh.fingerprint == kept.fingerprint
    assert fresh.counts == kept.counts
    assert len(plain) == len(fresh) == len(kept) > 5
    for one, made, found in zip(plain, fresh, kept, strict=True):
        assert_same(one, made)
        assert_same(one, found)


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, list[str]]] = []

    def note(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, [path.name for path in tmp_path.glob("[!.]*.arrow")]))

    monkeypatch.setattr(os, "fsync", note)
    prepare(TEXTS, readers(), LENGTH, tmp_path)
    (made,) = tmp_path.glob("*.arrow")
    assert synced == [(made.stat().st_ino, [])]


def test_nothing_is_prepared_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(SOME, readers(), LENGTH, tmp_path)
    monkeypatch.setattr(module, "Workers", None)
    assert len(prepare(SOME, readers(), LENGTH, tmp_path)) > 5


def test_whatever_decides_the_examples_decides_the_key() -> None:
    small, big, begins = tiny.reader(320), tiny.reader(400), tiny.reader(400, begins=True)
    two = Readers(small, big)
    keys = [
        content_key(*of)[0]
        for of in (
            (["ab", "c"], two, 24),
            (["a", "bc"], two, 24),
            (["ab", "c"], two, 25),
            (["ab", "c"], two, 24, 3),
            (["ab", "c"], Readers(big, big), 24),
            (["ab", "c"], Readers(big, small), 24),
            (["ab", "c"], Readers(small, begins), 24),
            (["ab", Document("c", ())], two, 24),
            ([Document("ab", ((0, 1),)), "c"], two, 24),
            ([Document("ab", ((1, 2),)), "c"], two, 24),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert content_key(["ab", Document("c")], two, 24) == content_key(["ab", "c"], two, 24) == (keys[0], 3)


def test_another_version_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(SOME, readers(), LENGTH, tmp_path)
    monkeypatch.setattr(module, "FORMAT", "another")
    assert "prepared in" in prepare(SOME, readers(), LENGTH, tmp_path).told


@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_half_a_file_is_made_anew(tmp_path: Path, part: float) -> None:
    prepare(SOME, readers(), LENGTH, tmp_path)
    (file,) = tmp_path.glob("*.arrow")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    assert "prepared in" in prepare(SOME, readers(), LENGTH, tmp_path).told
    assert file.read_bytes() == whole


def test_a_crash_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(module.Writer, "close", fall)
    with pytest.raises(MemoryError):
        prepare(SOME, readers(), LENGTH, tmp_path)
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == []


def test_a_full_disk_is_told_of_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Writer, "write", full)
    with pytest.raises(UserError, match=r"No space left on device; make room, or set data\.cache or SAD_CACHE"):
        prepare(SOME, readers(), LENGTH, tmp_path)


def test_what_a_killed_process_left_goes_with_the_next_and_only_that(tmp_path: Path) -> None:
    key, _ = content_key(SOME, readers(), LENGTH)
    mine, other = (tmp_path / f"{module.PARTIAL}{name}-x.arrow" for name in (key, "0" * 32))
    for left in (mine, other):
        left.write_bytes(b"half")
    prepare(SOME, readers(), LENGTH, tmp_path)
    assert sorted(tmp_path.glob(f"{module.PARTIAL}*")) == [other]


def test_without_room_for_a_lock_it_is_prepared_all_the_same(tmp_path: Path) -> None:
    key, _ = content_key(SOME, readers(), LENGTH)
    (tmp_path / f".{key}.lock").mkdir()
    assert "prepared in" in prepare(SOME, readers(), LENGTH, tmp_path).told


def test_where_nothing_can_be_written_the_examples_stay_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    found = prepare(SOME, readers(), LENGTH, tmp_path / "file" / "cache")
    assert "not kept for the next run" in found.told
    for one, other in zip(examples(SOME, readers(), LENGTH), found, strict=True):
        assert_same(one, other)


_PREPARE = """
import sys
from pathlib import Path
from sad import tiny
from sad.data import Readers, prepare
found = prepare([tiny.TEXT] * 40, Readers(tiny.reader(320), tiny.reader(400)), 24, Path(sys.argv[1]))
print(found.fingerprint, len(found), "cache" in found.told)
"""


def test_several_processes_at_once_prepare_once(tmp_path: Path) -> None:
    told = [done.stdout.split() for done in warm.python(3, _PREPARE, str(tmp_path), cwd=tmp_path)]
    assert len({(fingerprint, size) for fingerprint, size, _ in told}) == 1
    assert sorted(cached for *_, cached in told) == ["False", "True", "True"]


def test_a_limit_takes_the_first_ones(tmp_path: Path) -> None:
    every = examples(SOME, readers(), LENGTH)
    some = examples(SOME, readers(), LENGTH, limit=3)
    kept = prepare(SOME, readers(), LENGTH, tmp_path, limit=3)
    assert len(kept) == len(some) == 3
    for one, other, found in zip(every[:3], some, kept, strict=True):
        assert_same(one, other)
        assert_same(one, found)
    assert len(kept.lengths) == 3


def test_the_number_of_documents_read_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    many = TEXTS * 3
    expected = [e.student.tolist() for e in examples(many, readers(), LENGTH)]
    monkeypatch.setattr(module, "CHUNK", 1)
    assert [e.student.tolist() for e in examples(many, readers(), LENGTH)] == expected


@pytest.mark.parametrize("texts", [[], [""], ["x"]])
def test_too_little_text_is_an_error(texts: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^the text is too short"):
        examples(texts, readers(), LENGTH)
    with pytest.raises(UserError, match=r"^the training text is too short"):
        prepare(texts, readers(), LENGTH, tmp_path, name="the training text")


def test_text_with_nothing_to_learn_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no token that is to be learned"):
        prepare([Document(tiny.TEXT, ())], readers(), LENGTH, tmp_path)


@given(st.lists(st.text("ab", max_size=40), max_size=30))
def test_chunks_keep_the_order_and_are_bounded(texts: list[str]) -> None:
    found = list(chunks(texts))
    assert [one for some in found for one in some] == texts
    assert all(0 < len(some) <= module.CHUNK for some in found)


def test_a_chunk_ends_where_it_has_enough_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHARACTERS", 10)
    assert list(chunks(["a" * 6, "b" * 6, "c" * 30, "d"])) == [["a" * 6, "b" * 6], ["c" * 30], ["d"]]


def test_little_text_is_worth_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert default_workers(module.SMALL - 1) == 0
    assert default_workers(3 * module.SMALL) == 4
    assert default_workers(10**12) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(1), raising=False)
    assert default_workers(10**12) == 0
