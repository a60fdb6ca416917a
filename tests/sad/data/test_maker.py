"""Who makes the segments, and how, changes nothing of them; what is there is not made again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sad import tiny
from sad.align.example import Readers
from sad.data import cache, maker, segments
from sad.data.maker import Maker
from sad.data.segments import Segment
from sad.errors import UserError

READERS = Readers(tiny.reader(320), tiny.reader(400))
TEXTS = [f"{number} {tiny.TEXT[37 * number : 37 * number + 160]}" for number in range(12)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two or three texts a segment, two chunks of it."""
    monkeypatch.setattr(segments, "FIRST", 300)
    monkeypatch.setattr(segments, "MOST", 400)
    monkeypatch.setattr(cache, "CHUNK", 1)


def made(folder: Path, texts: list[str] = TEXTS, **how: Any) -> list[Segment]:
    return list(Maker(texts, READERS, 24, folder, **how).segments())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_any_number_of_workers_makes_the_same_files(tmp_path: Path) -> None:
    every = [made(tmp_path / str(workers), workers=workers) for workers in (0, 1, 3)]
    assert len(every[0]) > 3
    assert every[0] == every[1] == every[2]
    assert files(tmp_path / "0") == files(tmp_path / "1") == files(tmp_path / "3")
    for before, after in zip(every[0], every[0][1:], strict=False):
        assert (after.previous, after.first) == (before.key, before.stop)


def test_what_is_there_is_read_and_not_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(tmp_path)
    monkeypatch.setattr(maker, "Workers", None)
    assert made(tmp_path) == first


def test_what_a_killed_run_left_half_written_is_removed_once_it_is_old(tmp_path: Path) -> None:
    old, new = tmp_path / f"{cache.PARTIAL}a-x.arrow", tmp_path / f"{cache.PARTIAL}b-y.arrow"
    for file in (old, new):
        file.write_bytes(b"half")
    past = time.time() - 2 * cache.LEFT_BEHIND
    os.utime(old, (past, past))
    made(tmp_path)
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("gone", [0, 2, -1])
def test_what_is_missing_or_damaged_is_made_again(tmp_path: Path, gone: int) -> None:
    first, before = made(tmp_path), files(tmp_path)
    file = segments.place(tmp_path, first[gone].key)
    file.write_bytes(file.read_bytes()[:-200])
    segments.place(tmp_path, first[1].key).unlink()
    assert made(tmp_path) == first
    assert files(tmp_path) == before


def test_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    read: list[int] = []

    def endless() -> Iterator[str]:
        for number in range(10**9):
            read.append(number)
            yield f"{number} {TEXTS[number % 12]}"

    some = Maker(endless(), READERS, 24, tmp_path).segments()
    next(some)
    next(some)
    some.close()
    assert len(read) <= 3 * 4


def test_one_that_follows_waits_for_who_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Segment] = []
    monkeypatch.setattr(maker, "PAUSE", 0.001)
    follows = Maker(TEXTS, READERS, 24, tmp_path, follows=True)
    thread = threading.Thread(target=lambda: found.extend(follows.segments()))
    thread.start()
    wrote: list[Segment] = []
    monkeypatch.setattr(follows, "_written", lambda *_: 1 / 0)
    for one in Maker(TEXTS, READERS, 24, tmp_path).segments():
        wrote.append(one)
        time.sleep(0.01)
    thread.join(30)
    assert found == wrote


def test_one_that_follows_nobody_makes_them_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "PATIENCE", 0.0)
    assert made(tmp_path / "one", follows=True) == made(tmp_path / "other")


def test_much_text_is_worth_processes_and_what_is_ahead_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cores", lambda: 100)
    hows: dict[str, dict[str, Any]] = {"told": {"workers": 3}, "follows": {"follows": True}}
    every = ("none", "ahead", "much", *hows)
    counts = {name: Maker([], READERS, 24, tmp_path, **hows.get(name, {})) for name in every}
    counts["ahead"].ahead = counts["follows"].ahead = True
    counts["much"]._prepared = cache.SMALL
    found = {name: one._count() for name, one in counts.items()}
    assert found == {"none": 0, "ahead": maker.PROCESSES, "much": maker.PROCESSES, "told": 3, "follows": 0}


def test_more_processes_take_over_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cores", lambda: 2)
    begun: list[int] = []
    shipped = maker.Workers

    def counted(readers: Readers, length: int, count: int) -> maker.Workers:
        begun.append(count)
        return shipped(readers, length, count)

    monkeypatch.setattr(maker, "Workers", counted)
    ahead = Maker(TEXTS, READERS, 24, tmp_path / "ahead")
    found = []
    for one in ahead.segments():
        found.append(one)
        ahead.ahead = len(found) > 1
    assert begun == [0, 2]
    assert found == made(tmp_path / "here", workers=0)


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot be written to .*; make room, or set data\.cache or SAD_CACHE"):
        Maker(TEXTS, READERS, 24, tmp_path / "file" / "folder")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segments, "write", full)
    with pytest.raises(UserError, match="No space left on device; make room"):
        made(tmp_path / "full")
