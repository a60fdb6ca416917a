"""A name is a file, a folder, a saved data set, or something on the hub; what goes wrong there is one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import datasets
import pytest

from sad.errors import UserError
from sad.models import hub
from sad.recipe.inputs import Data
from sad.text import glance, sources
from sad.text.sources import local, source


@pytest.fixture(autouse=True)
def _no_bars() -> None:
    datasets.disable_progress_bars()


def texts(name: Path | str, split: str | None = None, **data: Any) -> list[Any]:
    return [dict(row.values)["text"] for row in source(str(name), Data(**data), split)()]  # type: ignore[call-overload]


def refused(name: Path | str, split: str | None = None, **data: Any) -> str:
    with pytest.raises(UserError) as caught:
        texts(name, split, **data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_saved_data_set_and_its_splits(tmp_path: Path) -> None:
    train, test = (datasets.Dataset.from_dict({"text": [t, t]}) for t in ("a", "b"))
    train.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "both")
    assert texts(tmp_path / "one") == ["a", "a"]
    assert texts(tmp_path / "both") == ["a", "a"]
    assert texts(tmp_path / "both", "test") == ["b", "b"]
    assert "no split 'dev'; it has train, test (set data.split)" in refused(tmp_path / "both", "dev")
    assert "without splits: leave out data.split" in refused(tmp_path / "one", "test")
    (tmp_path / "one" / "state.json").write_text("{")
    assert "cannot load it as a dataset" in refused(tmp_path / "one")


def test_a_source_starts_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b"}')
    (tmp_path / "b.jsonl").write_text('{"text": "c"}')
    start = source(str(tmp_path), Data())
    assert [len(list(start())) for _ in range(2)] == [3, 3]


def test_a_file_has_no_splits(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}')
    assert "is a file without splits: leave out data.split" in refused(tmp_path / "a.jsonl", "test")
    assert "is a folder without splits: leave out data.config" in refused(tmp_path, None, config="en")


def test_what_is_local(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert [n for n in (tmp_path, "a.jsonl", "./x", "~/x", tmp_path / "gone") if not local(str(n))] == []
    assert not local("somebody/something")


def test_a_data_set_of_the_hub_is_asked_for_by_split_and_config(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(path: str, **how: Any) -> list[dict[str, str]]:
        asked.append((path, how))
        return [{"text": "a"}]

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(hub, "ready", lambda: True)
    assert texts("a/b") == ["a"]
    texts("a/b", "test", config="en", streaming=True, held_out=3)
    assert asked == [
        ("a/b", {"split": "train", "streaming": False}),
        ("a/b", {"split": "test", "streaming": True, "name": "en"}),
    ]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ConnectionError("Couldn't reach 'a/b' on the Hub"), "no such file or folder here, and the hub cannot be"),
        (ValueError("Config name is missing.\nPick one among: ['en', 'de']"), "['en', 'de']; set data.config"),
        (ValueError('Unknown split "x". Should be one of [train]'), "Should be one of [train]. (set data.split)"),
        (RuntimeError("'a/b' is a gated dataset on the Hub"), "log in with: hf auth login"),
        (KeyError(), "KeyError"),
    ],
)
def test_what_the_library_says_becomes_one_line(raised: Exception, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(hub, "ready", lambda: True)
    assert refused("a/b").startswith("a/b: cannot load it as a dataset: ")
    assert told.replace(". (", " (") in refused("a/b")


def test_a_stream_that_breaks_off_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        yield {"text": "a"}
        raise OSError("connection lost\nand more")

    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: broken())
    monkeypatch.setattr(hub, "ready", lambda: True)
    assert refused("a/b") == "a/b: the stream broke (connection lost): try again when the hub answers"


def test_the_whole_machine_is_no_folder_of_text() -> None:
    assert refused("/") == "/ is all of this machine's files: name the folder that holds the text"


def test_a_long_search_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MANY", 4)
    for name in "abc":
        (tmp_path / name).mkdir()
        for file in ("x.txt", "y.png"):
            (tmp_path / name / file).write_text("words\n")
    told: list[str] = []
    glance(Data(text=str(tmp_path)), told.append)
    assert told == [f"looking for text in {tmp_path}: it holds more than 4 files"]
    glance(Data(text=str(tmp_path / "a")), told.append)
    assert len(told) == 1


def test_a_folder_that_goes_while_it_is_looked_through_takes_nothing_else_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "some.txt").write_text("words\n")
    look = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "gone":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(list(source(str(tmp_path), Data())())) == 1
