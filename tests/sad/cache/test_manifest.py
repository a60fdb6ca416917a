"""A cache is whole, half written, or none, and says which."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sad import tiny
from sad.cache import manifest
from sad.errors import UserError


def test_what_was_written_is_read(tmp_path: Path, written: Callable[..., Any]) -> None:
    wrote = written(tiny.plan(), tmp_path / "c", k=5)
    found = manifest.read(tmp_path / "c")
    assert found.text() == wrote.text() == (tmp_path / "c" / manifest.WHOLE).read_text(encoding="utf-8")
    for name, part in wrote.parts.items():
        assert np.array_equal(found.parts[name].offsets, part.offsets)
        assert found.parts[name].layout == part.layout


def test_none_and_a_half_one_tell_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no cache of a teacher: write one with: sad cache --cache "):
        manifest.read(tmp_path)
    (tmp_path / manifest.PARTIAL).write_text("{}")
    with pytest.raises(UserError, match=r"half written: run the same `sad cache` again, and it goes on"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("spoiled", ["", "[]", '{"key": {}}', '{"key": {}, "parts": {"train": {}}}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, spoiled: str) -> None:
    (tmp_path / manifest.WHOLE).write_text(spoiled)
    with pytest.raises(UserError, match=r"manifest\.json cannot be read \(.*\): remove the folder and write it again"):
        manifest.read(tmp_path)


def test_offsets_that_do_not_fit_are_refused(tmp_path: Path, written: Callable[..., Any]) -> None:
    written(tiny.plan(), tmp_path / "c", k=5)
    (tmp_path / "c" / "train.offsets").write_bytes(np.array([0, 5], dtype="<i8").tobytes())
    with pytest.raises(UserError, match=r"train\.offsets does not fit it"):
        manifest.read(tmp_path / "c")


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        manifest.save(tmp_path / "x", b"abc")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    manifest.save(tmp_path / "x", json.dumps([1]).encode())
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
