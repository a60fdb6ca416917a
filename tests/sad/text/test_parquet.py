from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as files

from sad.errors import UserError
from sad.text import parquet
from sad.text.files import rows
from sad.text.parquet import AT_ONCE, at_once


def written(path: Path, texts: list, *, dictionary: bool = True) -> Path:
    options = {"use_dictionary": dictionary, "dictionary_pagesize_limit": 1 << 30, "write_batch_size": 1}
    files.write_table(pa.table({"text": texts}), path, **options)
    return path


def of(path: Path) -> int:
    return at_once(path, files.read_metadata(path), 0)


def test_short_texts_are_read_many_at_once(tmp_path: Path) -> None:
    assert of(written(tmp_path / "a.parquet", [f"text {n}" for n in range(1000)])) == AT_ONCE


@pytest.mark.parametrize("dictionary", [True, False])
def test_long_texts_are_read_few_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: bool) -> None:
    monkeypatch.setattr(parquet, "ROOM", 1 << 20)
    path = written(tmp_path / "a.parquet", ["x" * (1 << 18)] * 300, dictionary=dictionary)
    assert path.stat().st_size < (1 << 18) * 30
    assert 1 <= of(path) <= 4
    assert [row.number for row in rows(path)] == [*range(1, 301)]


def test_a_text_that_is_longer_than_the_room_is_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROOM", 1000)
    assert of(written(tmp_path / "a.parquet", ["x" * 5000, "y"] * 50)) == 1


def test_a_list_counts_as_many_texts_as_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROOM", 1 << 20)
    one = of(written(tmp_path / "one.parquet", [["x" * 9000]] * 300))
    ten = of(written(tmp_path / "ten.parquet", [["x" * 9000] * 10] * 300))
    assert one == pytest.approx(10 * ten, abs=10)


@settings(max_examples=30, deadline=None)
@given(longest=st.integers(1, 5000), texts=st.integers(1, 30), more=st.integers(1, 600), room=st.integers(1, 1 << 20))
def test_what_is_read_together_has_room(
    tmp_path_factory: pytest.TempPathFactory, longest: int, texts: int, more: int, room: int
) -> None:
    path = tmp_path_factory.mktemp("made") / "a.parquet"
    # the long ones side by side: no mean tells them
    written(path, ["x" * longest] * more + [str(n) for n in range(texts)] * 20)
    with pytest.MonkeyPatch.context() as patch, files.ParquetFile(path) as file:
        patch.setattr(parquet, "ROOM", room)
        size = of(path)
        for batch in file.iter_batches(size):
            assert size == 1 or sum(len(text) for text in batch["text"].to_pylist()) <= room


def test_a_row_group_that_the_memory_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", ["x" * 5000] * 3)
    monkeypatch.setattr(parquet.psutil, "virtual_memory", lambda: SimpleNamespace(available=2000))
    with pytest.raises(UserError, match=r"row group 1 unpacks to 5,\d+ bytes, and 2,000 are free in memory") as refused:
        list(rows(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("header", [b"", b"\x15\x04", b"\x15\x04\x25\x02", b"\x25\x04\x15\x02", b"\x15" + b"\xff" * 15])
def test_a_page_that_does_not_tell_its_size_counts_as_the_largest(header: bytes) -> None:
    assert parquet._dictionary(header) == 2**31 - 1


def test_a_page_of_values_is_no_dictionary() -> None:
    assert parquet._dictionary(b"\x15\x00\x15\x90\x4e\x15\x00") == 0
    assert parquet._dictionary(b"\x15\x04\x15\x90\x4e\x15\x00") == 5000
