import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers import tail
from sad_doctor.readers.tail import Lines, Tail, is_binary


def drain(follower: Tail) -> tuple[bool | None, bytes]:
    afresh = follower.look()
    return afresh, b"".join(follower.chunks())


def test_only_what_is_new_is_read(write):
    path = write("log", b"one\n")
    follower = Tail(path)
    assert drain(follower) == (False, b"one\n")
    assert drain(follower) == (None, b"")
    with path.open("ab") as file:
        file.write(b"two\n")
    assert drain(follower) == (False, b"two\n")


def test_a_shorter_file_is_a_new_one(write):
    path = write("log", b"a long line of the old run\n")
    follower = Tail(path)
    drain(follower)
    path.write_bytes(b"new\n")
    assert drain(follower) == (True, b"new\n")


def test_a_rotated_file_is_a_new_one_and_its_absence_is_nothing(write, tmp_path: Path):
    path = write("log", b"old\n")
    follower = Tail(path)
    drain(follower)
    path.rename(tmp_path / "log.1")
    assert drain(follower) == (None, b"")
    write("log", b"old\nand more\n")
    assert drain(follower) == (True, b"old\nand more\n")


def test_copy_and_truncate_shows_even_when_the_new_file_is_longer(write):
    path = write("log", b"x" * 50 + b"\n")
    follower = Tail(path)
    drain(follower)
    inode = os.stat(path).st_ino
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(b"y" * 200 + b"\n")
    assert os.stat(path).st_ino == inode
    assert drain(follower) == (True, b"y" * 200 + b"\n")


def test_a_new_file_with_the_same_text_before_the_place_reached_shows_by_its_beginning(write):
    same = b"z" * 100 + b"\n"
    path = write("log", b"old\n")
    follower = Tail(path)
    drain(follower)
    with path.open("ab") as file:
        file.write(b"a" * 200 + same)
    drain(follower)
    path.write_bytes(b"new\n" + b"a" * 200 + same + b"more\n")
    assert drain(follower)[0] is True


def test_a_new_file_with_the_same_beginning_shows_by_what_stood_before_the_place_reached(write):
    head = b"=" * 64 + b"\n"
    path = write("log", head + b"a" * 500 + b"\n")
    follower = Tail(path)
    drain(follower)
    with path.open("r+b") as file:
        file.write(head + b"b" * 600 + b"\n")
    assert drain(follower) == (True, head + b"b" * 600 + b"\n")


def test_a_touched_file_brings_nothing(write):
    path = write("log", b"one\n")
    follower = Tail(path)
    drain(follower)
    os.utime(path, ns=(1, 1))
    assert drain(follower) == (False, b"")


def test_a_file_that_comes_later_is_read(tmp_path: Path):
    follower = Tail(tmp_path / "log")
    assert drain(follower) == (None, b"")
    (tmp_path / "log").write_bytes(b"here\n")
    assert drain(follower) == (False, b"here\n")
    shutil.rmtree(tmp_path)
    assert drain(follower) == (None, b"")


@given(st.lists(st.sampled_from([b"", b"a", b"\n", b"bc\n", b"\n\n", "é".encode()[:1], "é".encode()[1:]])))
def test_lines_do_not_depend_on_how_the_bytes_came(pieces):
    data = b"".join(pieces)
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(piece)]
    assert found == data.split(b"\n")[:-1]
    assert lines.rest == data.split(b"\n")[-1]


def test_an_endless_line_is_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(tail, "LONGEST_LINE", 100)
    lines = Lines()
    found = [line for piece in (b"a\n", b"x" * 90, b"x" * 90, b"x" * 90, b"x\nb\n") for line in lines.feed(piece)]
    assert found == [b"a", b"b"]
    assert lines.dropped == 1


def test_a_pace_ends_the_reading_and_tells_the_share(tmp_path, monkeypatch):
    monkeypatch.setattr("sad_doctor.readers.tail.CHUNK", 10)
    path = tmp_path / "log"
    path.write_bytes(b"x" * 40)
    tail = Tail(path)
    assert tail.pace.share == 1
    tail.pace.seconds = 0.0
    for share in (0.25, 0.5, 0.75, 1.0):
        assert tail.look() is False or share == 0.25
        assert b"".join(tail.chunks()) == b"x" * 10
        assert tail.pace.share == share
    assert tail.look() is None


def test_a_stop_ends_the_reading_at_the_next_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("sad_doctor.readers.tail.CHUNK", 10)
    path = tmp_path / "log"
    path.write_bytes(b"x" * 40)
    tail = Tail(path)
    tail.look()
    tail.pace.stopped = True
    assert list(tail.chunks()) == [b"x" * 10]


@pytest.mark.parametrize(("new", "says"), [(b"\x00\x01\x02" * 50, "no text"), (b"other", "followed$")])
def test_a_file_that_was_replaced_is_noted(tmp_path, new, says):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 200)
    tail = Tail(path)
    tail.look()
    assert list(tail.chunks())
    assert tail.notes == ()
    path.write_bytes(new)
    tail.look()
    assert list(tail.chunks())
    (note,) = tail.notes
    assert re.search(says, note)


def test_text_of_any_language_is_no_binary():
    assert is_binary(b"\x7fELF\x02\x01\x01" + bytes(range(32)))
    assert not is_binary("Verlust: 3,5 — 損失".encode())
    assert not is_binary(b"")
