"""Documents from every kind of source, and one line for every kind of mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sad import embedded, text
from sad.errors import UserError
from sad.recipe.schema import Data

PARAGRAPH = "The whale had been seen again, north of the lighthouse. " * 20


def plain(folder: Path, paragraphs: int = 12, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_text("\n\n".join(f"{i}. {PARAGRAPH}" for i in range(paragraphs)), encoding="utf-8")
    return path


def documents(of: Path | str, seed: int = 0, **more: object) -> tuple[list[str], list[str]]:
    train, held = text.documents(Data(text=str(of), **more), seed)
    train, held = list(train), list(held)
    assert all(document.learned is None for document in [*train, *held])
    return [document.text for document in train], [document.text for document in held]


def refused(of: Path | str, **more: object) -> str:
    with pytest.raises(UserError) as caught:
        documents(of, **more)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_text_file_is_cut_at_empty_lines_and_nothing_is_lost(tmp_path: Path) -> None:
    path = plain(tmp_path)
    train, held = documents(path, held_out=0.3)
    assert len(train) >= 2
    assert len(held) >= 1
    whole = sorted([*train, *held], key=lambda d: int(d.split(".")[0]))
    assert "".join(whole) == path.read_text(encoding="utf-8")
    assert all(d.endswith("\n\n") for d in whole[:-1])


def test_held_out_documents_are_not_trained_on_and_the_seed_chooses_them(tmp_path: Path) -> None:
    path = plain(tmp_path, 40)
    train, held = documents(path, held_out=0.3)
    assert not set(train) & set(held)
    assert (train, held) == documents(path, held_out=0.3)
    assert held != documents(path, seed=1, held_out=0.3)[1]


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_both_parts_have_a_document(tmp_path: Path, share: float) -> None:
    train, held = documents(plain(tmp_path), held_out=share)
    assert train
    assert held


def test_a_file_of_its_own_for_evaluation(tmp_path: Path) -> None:
    path, other = plain(tmp_path), tmp_path / "held.txt"
    other.write_text("something else", encoding="utf-8")
    train, held = documents(path, held_out=str(other))
    assert "".join(train) == path.read_text(encoding="utf-8")
    assert held == ["something else"]


def rows(folder: Path, kind: str) -> Path:
    import pandas as pd

    table = pd.DataFrame({"text": ["one", "two", None, "  ", "three"], "n": range(5)})
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        table.to_parquet(path)
    elif kind == "csv":
        table.to_csv(path, index=False)
    else:
        lines = [json.dumps({"text": t, "n": n}) for t, n in zip(table["text"], table["n"], strict=True)]
        path.write_text("\n".join(lines) if kind == "jsonl" else f"[{','.join(lines)}]", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
def test_a_row_is_a_document_and_empty_rows_are_none(tmp_path: Path, kind: str) -> None:
    train, held = documents(rows(tmp_path, kind), held_out=0.3)
    assert sorted(train + held) == ["one", "three", "two"]


@pytest.mark.parametrize("name", ["my [data] {1}.csv", "a?.csv", "ä *.csv"])
def test_a_name_is_a_name_and_no_pattern(tmp_path: Path, name: str) -> None:
    rows(tmp_path, "csv").rename(tmp_path / name)
    (tmp_path / "ab.csv").write_text("text\nanother\n", encoding="utf-8")
    (tmp_path / "ä b.csv").write_text("text\nanother\n", encoding="utf-8")
    train, held = documents(tmp_path / name, held_out=0.3)
    assert sorted(train + held) == ["one", "three", "two"]


def test_a_folder_is_all_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.TXT").write_text("two", encoding="utf-8")
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    other = tmp_path.with_suffix(".held.txt")
    other.write_text("held", encoding="utf-8")
    assert documents(tmp_path, held_out=str(other)) == (["one", "two"], ["held"])


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo")
    train, _ = documents(path, held_out=str(path))
    assert train == ["one\n\ntwo"]


def test_the_embedded_text() -> None:
    assert documents("embedded") == (embedded.train_text(), embedded.held_out_text())


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "none.txt")
    assert "no such file" in refused("none.jsonl")
    assert "no such file" in refused(tmp_path / "no-folder")


def test_a_hub_id_without_a_hub_is_one_line() -> None:
    assert refused("nobody/nothing").startswith("nobody/nothing: cannot load it as a dataset: ")


def test_what_is_not_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Früh".encode("latin-1"))
    assert "is not UTF-8 text (byte 2)" in refused(latin)
    binary = tmp_path / "a.pdf"
    binary.write_bytes(b"%PDF")
    assert "cannot read .pdf files" in refused(binary)
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": \n{', encoding="utf-8")
    assert f"{broken}, line 1: not JSON: Expecting value; mend the line or delete it" in refused(broken)
    # the library would say it too, in words of its own
    assert capfd.readouterr().err == ""


def test_what_has_no_text(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n\n ", encoding="utf-8")
    assert "holds no text" in refused(empty)
    for name in ("none.jsonl", "none.csv", "none.parquet"):
        (tmp_path / name).write_bytes(b"")
        assert refused(tmp_path / name).endswith(
            f"{name} holds no text; name other text, or its column with data.column"
        )
    (tmp_path / "inner").mkdir()
    assert "holds no .txt" in refused(tmp_path / "inner")
    one = tmp_path / "one.txt"
    one.write_text("only one document", encoding="utf-8")
    assert "one document only" in refused(one)


def test_a_column_that_is_missing_or_no_text(tmp_path: Path) -> None:
    path = rows(tmp_path, "csv")
    message = refused(path, column="body")
    assert "no column 'body'; it has text, n" in message
    assert "data.column" in message
    assert "rows.csv holds numbers, not text" in refused(path, column="n")
    path = rows(tmp_path, "parquet")
    assert "rows.parquet, row 1: column 'n' holds int, not text" in refused(path, column="n")


def numbered(folder: Path, count: int = 40) -> Path:
    path = folder / "numbered.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"text {i}"}) for i in range(count)), encoding="utf-8")
    return path


def test_the_first_documents_can_be_held_out_and_the_rest_limited(tmp_path: Path) -> None:
    train, held = documents(numbered(tmp_path), held_out=3, limit=5)
    assert held == ["text 0", "text 1", "text 2"]
    assert train == [f"text {i}" for i in range(3, 8)]
    assert "set data.held_out to fewer" in refused(numbered(tmp_path), held_out=40)


def test_another_split_can_be_held_out(tmp_path: Path) -> None:
    import datasets

    train, test = (datasets.Dataset.from_dict({"text": [f"{t} 1", f"{t} 2"]}) for t in ("a", "b"))
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "both")
    assert documents(tmp_path / "both", held_out="split:test") == (["a 1", "a 2"], ["b 1", "b 2"])
    held = numbered(tmp_path, 2)
    # a file of its own knows nothing of the splits of the training text
    assert documents(tmp_path / "both", split="test", held_out=str(held)) == (["b 1", "b 2"], ["text 0", "text 1"])


def stream(path: Path, seed: int = 0, **more: object) -> text.Stream:
    train, held = text.documents(Data(text=str(path), streaming=True, **{"held_out": 3, **more}), seed)
    assert [d.text for d in held] == ["text 0", "text 1", "text 2"]
    assert isinstance(train, text.Stream)
    return train


def test_a_stream_is_the_same_each_time_and_shuffled_by_the_seed(tmp_path: Path) -> None:
    path = numbered(tmp_path)
    train = stream(path, shuffle_buffer=8)
    once, again = ([d.text for d in train] for _ in range(2))
    assert once == again
    in_order = [f"text {i}" for i in range(3, 40)]
    assert sorted(once) == sorted(in_order)
    assert once != in_order
    assert once != [d.text for d in stream(path, seed=1, shuffle_buffer=8)]
    assert [d.text for d in stream(path, shuffle_buffer=1)] == in_order
    # a document cannot come earlier than the buffer reaches
    assert all(int(name.split()[1]) - 3 <= place + 8 for place, name in enumerate(once))
    assert sorted(d.text for d in stream(path, limit=5)) == [f"text {i}" for i in range(3, 8)]


def test_a_stream_is_never_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    rows = text.files.rows

    def counted(path: Path):
        nonlocal read
        for row in rows(path):
            read += 1
            yield row

    monkeypatch.setattr(text.files, "rows", counted)
    train = iter(stream(numbered(tmp_path, 1000), shuffle_buffer=8))
    before = read
    for _ in range(5):
        next(train)
    # the rows held out, the buffer, those given, and the rows by which the columns are known
    assert read - before <= 100 + 3 + 8 + 5


def test_a_stream_that_is_all_held_out_is_an_error(tmp_path: Path) -> None:
    train = stream(numbered(tmp_path, 3))
    with pytest.raises(UserError, match=r"no document besides the 3 that are held out: set data.held_out to fewer"):
        list(train)


def test_a_stream_tells_once_what_it_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": null}\n{"text": "b"}\n')
    told: list[str] = []
    train, _ = text.documents(Data(text=str(path), streaming=True, held_out=1), 0, tell=told.append)
    assert told == []
    assert [d.text for d in train] == [d.text for d in train] == ["b"]
    assert told == [f"{path}: 1 of 3 rows left out that hold null (the first: {path}, line 2)"]


def test_a_glance_finds_what_is_wrong_before_a_model_is_loaded(tmp_path: Path) -> None:
    for of, told in ((tmp_path / "none.txt", "no such file"), (rows(tmp_path, "csv"), "no column 'body'")):
        with pytest.raises(UserError, match=told):
            text.glance(Data(text=str(of), column="body"))
    text.glance(Data(text=str(tmp_path / "rows.csv")))
    # what is on the hub is not looked at twice
    text.glance(Data(text="nobody/nothing"))
    text.glance(Data())
