import json
from pathlib import Path

import pytest

from sad_doctor.readers.json_objects import JsonObjects, parse


class Taken:
    def __init__(self, path: Path) -> None:
        self.rows: list[object] = []
        self.file = JsonObjects(path, self.take, self.rows.clear)

    def take(self, row) -> bool:
        self.rows.append(dict(row))
        return True


@pytest.mark.parametrize(
    "line",
    [b"", b"[1]", b"3", b'"a"', b"{", b"[" * 100_000, b'{"a":' * 5000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\x00"],
)
def test_what_is_no_object_is_none(line):
    assert parse(line) is None


def test_bare_nan_and_a_byte_order_mark_are_read():
    row = parse(b'\xef\xbb\xbf{"a": NaN, "b": -Infinity}')
    assert row is not None
    assert row["a"] != row["a"]


def test_a_last_line_counts_as_soon_as_it_is_a_whole_object(write):
    path = write("log", '{"a": 1}\n{"b": ')
    taken = Taken(path)
    taken.file.poll()
    assert taken.rows == [{"a": 1}]
    assert "the last line has no end yet: it waits" in taken.file.notes
    for more, rows in (("2}", [{"a": 1}, {"b": 2}]), ("\n", [{"a": 1}, {"b": 2}])):
        with path.open("a") as file:
            file.write(more)
        taken.file.poll()
        assert taken.rows == rows
        assert not taken.file.notes


def test_a_last_line_that_goes_on_after_all_is_read_again(write):
    path = write("log", '{"a": 1}\n{"b": 2}')
    taken = Taken(path)
    taken.file.poll()
    with path.open("a") as file:
        file.write(' garbage\n{"c": 3}\n')
    taken.file.poll()
    assert taken.rows == [{"a": 1}, {"c": 3}]
    assert taken.file.garbage == 1


def test_half_a_character_waits(write):
    line = json.dumps({"name": "é"}, ensure_ascii=False).encode() + b"\n"
    middle = line.index("é".encode()) + 1
    path = write("log", line[:middle])
    taken = Taken(path)
    taken.file.poll()
    with path.open("ab") as file:
        file.write(line[middle:])
    taken.file.poll()
    assert taken.rows == [{"name": "é"}]


def test_a_truncated_file_is_read_afresh(write):
    path = write("log", '{"a": 1}\n{"a": 2}\nxx\n')
    taken = Taken(path)
    taken.file.poll()
    write("log", '{"a": 9}\n')
    assert taken.file.poll()
    assert taken.rows == [{"a": 9}]
    assert taken.file.garbage == 0
