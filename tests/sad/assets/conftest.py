"""A small wheel of our own, the one asset made of it, and a cache of the test's own."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from sad import assets

WHEEL = "toy_words-1.0-py3-none-any.whl"
MEMBER = "toy_words/words.json"
WORDS = b'["a", "b"]'


def write_wheel(folder: Path, words: bytes = WORDS, name: str = WHEEL) -> Path:
    """Write a wheel that pip accepts, with a member that tries to get out and one that must not run."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr(MEMBER, words)
        archive.writestr("../../outside.txt", "must not be written")
        archive.writestr("toy_words/__init__.py", "raise SystemExit('must not be run')")
        archive.writestr("toy_words-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-words\nVersion: 1.0\n")
        archive.writestr("toy_words-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_words-1.0.dist-info/RECORD", "")
    return folder / name


@dataclass(frozen=True)
class Room:
    """What the tests of this folder act on."""

    index: Path
    """The only folder in which pip may look."""
    cache: Path
    monkeypatch: pytest.MonkeyPatch
    asset: assets.Asset
    """The asset as it was made, whatever stands in the table."""

    def use(self, asset: assets.Asset) -> None:
        """Put an asset in the table, in place of one of the same name."""
        self.monkeypatch.setitem(assets.ASSETS, asset.name, asset)

    def entries(self) -> list[str]:
        """Return what lies in the asset folder of the cache, hidden entries too."""
        folder = self.cache / "assets"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def write_wheel(self, folder: Path, words: bytes = WORDS, name: str = WHEEL) -> Path:
        """Write a wheel of these words, with another hash than the asset's if they differ from its own."""
        return write_wheel(folder, words, name)

    def state(self) -> str:
        return next(one.state for one in assets.status() if one.name == "toy")


def copy(source: Path, target: Path) -> None:
    (target / "words.json").write_bytes((source / "words.json").read_bytes())


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    index, cache = tmp_path / "index", tmp_path / "cache"
    wheel = write_wheel(index)
    monkeypatch.setenv("SAD_CACHE", str(cache))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    asset = assets.Asset(
        name="toy",
        what="two words",
        licence="ours",
        distribution="toy-words",
        version="1.0",
        wheel=WHEEL,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        members={MEMBER: hashlib.sha256(WORDS).hexdigest()},
        convert=copy,
        download_bytes=1_000_000,
        disk_bytes=10_000,
    )
    made = Room(index, cache, monkeypatch, asset)
    made.use(asset)
    return made
