"""Every kind of file gives its rows, and a broken one says where it is broken."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from sad.errors import UserError
from sad.text import files
from sad.text.files import rows

TABLE = [{"text": "one", "n": 1}, {"text": "zwei ä\n夜", "n": 2}, {"text": "", "n": None}]


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        list(rows(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def lines(path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in TABLE), encoding="utf-8")
    return path


def json_list(path: Path) -> Path:
    path.write_text(json.dumps(TABLE, indent=1), encoding="utf-8")
    return path


def wrapped(path: Path) -> Path:
    path.write_text(json.dumps({"data": TABLE}, indent=1), encoding="utf-8")
    return path


def one_line(path: Path) -> Path:
    path.write_text(json.dumps({"data": TABLE}), encoding="utf-8")
    return path


def to_parquet(path: Path) -> Path:
    parquet.write_table(pa.Table.from_pylist(TABLE), path)
    return path


def arrow(path: Path) -> Path:
    table = pa.Table.from_pylist(TABLE)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", lines),
        ("a.ndjson", lines),
        ("a.json", lines),
        ("a.json", json_list),
        ("a.json", wrapped),
        ("a.json", one_line),
        ("a.parquet", to_parquet),
        ("a.arrow", arrow),
    ],
)
def test_a_table_gives_its_rows(tmp_path: Path, name: str, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path / name)
    found = list(rows(path))
    assert [dict(row.values) for row in found if not isinstance(row.values, str)] == TABLE
    assert [row.number for row in found] == [1, 2, 3]
    assert found[1].place.startswith(f"{path}, ")


def test_json_lines_may_be_long_whatever_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("\n".join(json.dumps({"text": letter * 10_000}) for letter in "ab"), "utf-8")
    assert [row.place for row in rows(path)] == [f"{path}, line 1", f"{path}, line 2"]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=8)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_what_is_written_as_csv_is_read_back(table: list[tuple[str, str]]) -> None:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "more"])
            writer.writerows(table)
        found: list[Any] = [row.values for row in rows(path)]
    assert found == [{"text": text or None, "more": more or None} for text, more in table]


@pytest.mark.parametrize(("suffix", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
def test_text_may_be_compressed(tmp_path: Path, suffix: str, opener: Callable[..., Any]) -> None:
    plain = lines(tmp_path / "a.jsonl")
    packed = tmp_path / f"a.jsonl{suffix}"
    with opener(packed, "wb") as file:
        file.write(plain.read_bytes())
    assert [row.values for row in rows(packed)] == [row.values for row in rows(plain)]
    packed.write_bytes(packed.read_bytes()[:40])
    assert "the compressed file is broken" in refused(packed)
    packed.write_bytes(b"not packed at all")
    assert "broken" in refused(packed)


def test_what_is_broken_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n\n{"text": \n')
    assert refused(path) == f"{path}, line 3: not JSON: Expecting value; mend the line or delete it"
    path.write_text('{"text": "a"}\n3\n')
    assert refused(path).startswith(f"{path}, line 2: holds int, not an object with columns")
    path.write_bytes('{"text": "a"}\n{"text": "ü"}'.encode("latin-1"))
    assert refused(path) == f"{path}, line 2 is not UTF-8 text (byte 10); convert it first"
    path.write_text("[" * 100_000)
    assert "nested too deeply" in refused(path)
    path.write_text('{"text": "a"}\n{"text": ' + "9" * 5000 + "}\n")
    assert refused(path).startswith(f"{path}, line 2: not JSON: a number with more digits than can be read")
    path = tmp_path / "a.json"
    path.write_text('[{"text": ' + "9" * 5000 + "}]")
    assert refused(path).startswith(f"{path}: not JSON: a number with more digits than can be read")
    path.write_text('[{"text": "a"},\n {"text" "b"}]')
    assert refused(path) == f"{path}, line 2: not JSON: Expecting ':' delimiter; mend it, or give another file"
    path.write_text('[{"text": "a"}, 3]')
    assert refused(path).startswith(f"{path}, row 2: holds int")
    path = tmp_path / "a.csv"
    path.write_text("text,n\na,1\nb, and c,2\n")
    assert refused(path) == f"{path}, line 3: 3 fields where the header has 2; quote a text that holds a comma"
    path.write_text('text\n"a" b\n')
    assert refused(path).startswith(f"{path}, line 2: not CSV: ")


def test_a_parquet_file_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    # random text: what can be packed to nothing cannot be broken in the middle
    import random

    drawn = random.Random(0)
    table = pa.table({"text": ["".join(drawn.choices("abcdefgh", k=40)) for _ in range(2000)]})
    parquet.write_table(table, path, row_group_size=500)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "the Parquet file is broken (" in refused(path)
    path.write_bytes(whole[:30_000] + b"\0" * 20_000 + whole[50_000:])
    assert "the Parquet file is broken after row " in refused(path)
    path.write_bytes(b"")
    assert list(rows(path)) == []


def test_an_arrow_file_that_is_none(tmp_path: Path) -> None:
    datasets.disable_progress_bars()
    path = tmp_path / "a.arrow"
    path.write_bytes(b"ARROW1 and then nothing")
    assert f"{path}: the Arrow file is broken" in refused(path)


def test_what_lacks_a_value_or_holds_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('\ufeff{"text": NaN}\n', encoding="utf-8")
    assert [row.values for row in rows(path)] == [{"text": None}]


def test_which_files_of_a_folder_are_text(tmp_path: Path) -> None:
    taken = ["a.txt", "a.JSONL", "a.csv.gz", "a.parquet", "a.arrow"]
    left = ["README", "a.md", "a.pdf", "a.parquet.gz", "a.gz"]
    assert [name for name in [*taken, *left] if files.readable(tmp_path / name)] == taken
    (tmp_path / "a.parquet.gz").touch()
    assert "cannot read .gz files; give .txt" in refused(tmp_path / "a.parquet.gz")


def test_a_file_that_is_not_ours(tmp_path: Path) -> None:
    assert (
        refused(tmp_path / "none.txt")
        == f"cannot read {tmp_path / 'none.txt'}: No such file or directory; name a file that can be read"
    )


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert "not a regular file" in refused(tmp_path / name)


@pytest.mark.parametrize(("packed", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
@pytest.mark.parametrize("inner", [".txt", ".jsonl"])
def test_a_file_that_unpacks_without_measure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str, packed: str, opener: Any
) -> None:
    monkeypatch.setattr(files, "UNPACKED", 1 << 20)
    path = tmp_path / f"a{inner}{packed}"
    with opener(path, "wb") as file:
        file.write(bytes(16 << 20))
    assert "unpacks to more than 200 times its size" in refused(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(files, "LINE", 1 << 20)
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(1 << 36)
    assert "a line of more than 1 MiB" in refused(path)


def test_a_text_that_the_memory_cannot_hold_is_not_tried(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(1 << 43)
    assert "are free in memory" in refused(tmp_path / "a.txt")


def test_windows_line_ends_and_a_mark_change_nothing(tmp_path: Path) -> None:
    for name, told in (("a.jsonl", '{"text": "one"}\r\n{"text": "two"}\r\n'), ("a.csv", "text\r\none\r\ntwo\r\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + told.encode())
        assert [row.values for row in rows(tmp_path / name)] == [{"text": "one"}, {"text": "two"}]
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert [row.values for row in rows(tmp_path / "a.txt")] == ["one\ntwo\n"]
    (tmp_path / "b.csv").write_bytes(b'text\r\n"one\r\ntwo"\r\n')
    assert [row.values for row in rows(tmp_path / "b.csv")] == [{"text": "one\ntwo"}]
