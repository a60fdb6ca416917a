"""The windows of a stream: the same whoever prepared them and when, each once; what goes wrong is one line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad import tiny
from sad.align.example import Readers
from sad.data import examples, segments, stream
from sad.data.facts import coverage, fingerprint, lengths, longest_sides
from sad.data.stream import Streamed
from sad.document import Document
from sad.errors import UserError

READERS = Readers(tiny.reader(320), tiny.reader(400))
TEXTS = [f"{number} {tiny.TEXT[37 * number : 37 * number + 160]}" for number in range(12)]
ALL = 10**9


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FIRST", 300)
    monkeypatch.setattr(segments, "MOST", 400)


def streamed(folder: Path, texts: Any = TEXTS, **how: Any) -> Streamed:
    return Streamed(texts, READERS, 24, folder, **{"workers": 0, **how})


def ids(some: Any) -> list[list[int]]:
    return [one.student.tolist() for one in some]


PLAIN = ids(examples(TEXTS, READERS, 24))


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "sad-stream"]


def test_it_is_a_sequence_of_what_is_there(tmp_path: Path) -> None:
    found = streamed(tmp_path)
    assert (len(found), found.size) == (0, None)
    assert found.need(5) == 5
    there = len(found)
    assert 5 <= there < len(PLAIN)
    assert ids(found) == PLAIN[:there]
    assert ids(found[1:4]) == PLAIN[1:4]
    assert found[-1].student.tolist() == PLAIN[there - 1]
    for outside in (there, -there - 1):
        with pytest.raises(IndexError):
            found[outside]
    assert found.told == f"the stream is prepared while the run goes on, and kept in {tmp_path / 'streams'}"
    assert found.need(ALL) == len(PLAIN) == len(found) == found.size
    assert found.told == f"the stream is kept in {tmp_path / 'streams'}"
    assert ids(found) == PLAIN


def test_what_is_asked_of_it_as_a_whole_is_of_what_is_there(tmp_path: Path) -> None:
    found = streamed(tmp_path)
    found.need(ALL)
    plain = examples(TEXTS, READERS, 24)
    assert coverage(found) == coverage(plain)
    assert lengths(found).tolist() == lengths(plain).tolist()
    assert longest_sides(found).tolist() == longest_sides(plain).tolist()
    both, longer = found.sizes(3, 11)
    assert both.tolist() == lengths(plain)[3:11].tolist()
    assert longer.tolist() == longest_sides(plain)[3:11].tolist()
    assert found.counts.windows == len(plain)
    assert fingerprint(found) == found.fingerprint


@settings(max_examples=25)
@given(
    asked=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    lead=st.integers(0, 60),
    killed=st.lists(st.integers(1, 60), max_size=2),
    adopts=st.booleans(),
)
def test_windows_do_not_depend_on_the_lead_on_who_was_killed_or_on_what_was_adopted(
    tmp_path_factory: pytest.TempPathFactory, asked: list[int], lead: int, killed: list[int], adopts: bool
) -> None:
    """Runs that end anywhere, in one folder, and then one that is asked for all."""
    folder, key = tmp_path_factory.mktemp("streams"), ""
    for windows in killed:
        one = streamed(folder)
        one.take_up(key)
        one.need(windows)
        key = one.key_at(windows) if adopts else ""
        one.close()
    last = streamed(folder)
    last.take_up(key)
    with last.going_on(ALL, lead):
        for windows in asked:
            assert last.need(windows) == min(windows, len(PLAIN))
            assert ids(last)[:windows] == PLAIN[:windows]
        assert last.need(ALL) == len(PLAIN)
    assert ids(last) == PLAIN
    assert not threads()


def test_a_thread_is_ahead_by_the_lead_and_not_farther(tmp_path: Path) -> None:
    read: list[int] = []

    def endless() -> Iterator[str]:
        for number in range(10**9):
            read.append(number)
            yield f"{number} {TEXTS[number % 12]}"

    found = streamed(tmp_path, endless())
    with found.going_on(ALL, 20):
        found.need(10)
        # until it rests
        with found._changed:
            found._changed.wait_for(lambda: not found._due(), timeout=30)
        # and a segment more, at the most
        assert 30 <= len(found) <= 30 + 20
        assert found.need(100) == 100
    read_so_far = len(read)
    assert not threads()
    with pytest.raises(UserError, match="the stream is closed"):
        found.need(ALL)
    assert len(read) == read_so_far
    other = streamed(tmp_path / "other", endless())
    with other.going_on(15, ALL):
        other.need(1)
        with other._changed:
            other._changed.wait_for(lambda: not other._due(), timeout=30)
        assert 15 <= len(other) <= 15 + 20


def test_waiting_can_be_left(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def stalls() -> Iterator[str]:
        yield from TEXTS[:6]
        goes_on.wait(30)
        yield from TEXTS[6:]

    found = streamed(tmp_path, stalls())
    with found.going_on(ALL, 0):
        assert found.need(3) == 3
        asked = iter([False, False, True])
        assert found.need(ALL, lambda: next(asked)) < len(PLAIN)
        goes_on.set()
        assert found.need(ALL) == len(PLAIN)


def breaks() -> Iterator[str]:
    yield from TEXTS[:6]
    raise ConnectionError("connection lost")


@pytest.mark.parametrize("ahead", [False, True])
def test_one_that_breaks_gives_what_was_there_before(tmp_path: Path, ahead: bool) -> None:
    found = streamed(tmp_path, breaks(), name="corpus")
    assert found.need(3) == 3

    def check() -> None:
        with pytest.raises(UserError, match=r"^corpus: the stream broke \(connection lost\)"):
            found.need(ALL)
        there = len(found)
        assert found.need(there) == there > 3
        assert ids(found) == PLAIN[:there]
        # it is no end
        assert found.size is None

    if ahead:
        with found.going_on(ALL, ALL):
            check()
    else:
        check()
    # what was prepared is there for who goes on
    again = streamed(tmp_path)
    assert again.need(ALL) == len(PLAIN)
    assert ids(again) == PLAIN


def test_what_is_wrong_in_the_code_is_raised_where_it_is_met(tmp_path: Path) -> None:
    def wrong() -> Iterator[str]:
        yield from TEXTS[:6]
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        streamed(tmp_path, wrong()).need(ALL)
    found = streamed(tmp_path, wrong())
    with found.going_on(ALL, 0), pytest.raises(LookupError):
        found.need(ALL)


def test_a_text_without_windows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^corpus is too short"):
        streamed(tmp_path, ["x"], name="corpus").need(1)
    with pytest.raises(UserError, match=r"^corpus has no token that is to be learned"):
        streamed(tmp_path, [Document(tiny.TEXT, ())], name="corpus").need(1)


def test_keys_tell_streams_apart_as_far_as_they_are_asked_for(tmp_path: Path) -> None:
    one, same = streamed(tmp_path / "one"), streamed(tmp_path / "same")
    other = streamed(tmp_path / "other", [*TEXTS[:-1], "Another end of all. " * 9])
    for windows in (1, 20, ALL):
        assert one.key_at(windows) == same.key_at(windows)
        assert (one.key_at(windows) == other.key_at(windows)) == (windows < ALL)
    assert one.key_at(1) != one.key_at(ALL)


def test_what_was_adopted_is_used_before_its_text_is_read_and_compared_with_it(tmp_path: Path) -> None:
    first = streamed(tmp_path)
    first.need(ALL)
    key, goes_on = first.key_at(ALL), threading.Event()

    def late(texts: list[str]) -> Iterator[str]:
        goes_on.wait(30)
        yield from texts

    found = streamed(tmp_path, late(TEXTS))
    found.take_up(key)
    assert ids(found) == PLAIN
    with found.going_on(ALL, 0):
        assert found.need(len(PLAIN)) == len(PLAIN)
        assert found.size is None
        goes_on.set()
        assert found.need(ALL) == len(PLAIN) == found.size
        found.check()
    for texts in ([*TEXTS[:5], "Another text. " * 20, *TEXTS[6:]], TEXTS[:6], TEXTS[:-1]):
        goes_on.clear()
        found = streamed(tmp_path, late(texts))
        found.take_up(key)
        with found.going_on(ALL, 0):
            assert found.need(3) == 3
            goes_on.set()
            with pytest.raises(UserError, match="is not what it was: put it back, or start a new run"):
                found.need(ALL)
            # what is there is there, for a step that was let begin; no other one is
            assert found.need(1) == 1
            with pytest.raises(UserError, match="is not what it was"):
                found.check()
            assert found.key_at(len(PLAIN)) == key


def test_what_is_not_all_there_is_not_adopted(tmp_path: Path) -> None:
    first = streamed(tmp_path)
    first.need(ALL)
    key = first.key_at(ALL)
    segments.place(tmp_path / "streams", first.key_at(20)).unlink()
    found = streamed(tmp_path)
    found.take_up(key)
    assert len(found) == 0
    found.take_up("no such thing")
    assert len(found) == 0
    assert found.need(ALL) == len(PLAIN)
    assert found.key_at(ALL) == key


def test_another_text_is_found_out_where_the_first_segment_was_gone(tmp_path: Path) -> None:
    """It is prepared anew, and then what comes after it was adopted, though it is not on the way."""
    first = streamed(tmp_path)
    first.need(ALL)
    key = first.key_at(ALL)
    segments.place(tmp_path / "streams", first.key_at(1)).unlink()
    found = streamed(tmp_path, [*TEXTS[:2], TEXTS[2][::-1], *TEXTS[3:]])
    found.need(1)
    found.take_up(key)
    assert ids(found) == PLAIN
    with found.going_on(ALL, 0), pytest.raises(UserError, match="is not what it was"):
        found.need(ALL)


def test_an_end_can_be_set(tmp_path: Path) -> None:
    found = streamed(tmp_path)
    found.end_at(7)
    assert (len(found), found.size, found.need(ALL)) == (7, 7, 7)
    assert ids(found) == PLAIN[:7]
    assert len(found.lengths) == 7
    other = streamed(tmp_path)
    other.end_at(8)
    assert other.fingerprint != found.fingerprint
    short = streamed(tmp_path)
    short.end_at(ALL)
    assert short.size == len(PLAIN)


def test_files_are_mapped_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "OPEN", 2)
    found = streamed(tmp_path)
    found.need(ALL)
    order = np.random.default_rng(0).permutation(len(PLAIN))
    assert [found[i].student.tolist() for i in order] == [PLAIN[i] for i in order]
    assert found._opened.cache_info().currsize == 2
    assert "kept in" in found.told
