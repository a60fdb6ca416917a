"""Folders are there whole or not at all; what a killed process left is swept; errors are told in one line."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from sad import tiny
from sad.distiller import Distiller
from sad.objective import Objective
from sad.train.optimizer import make_optimizer
from sad.train.saving import checkpoint, disk
from sad.train.saving.checkpoint import FOLDER, MODEL, Progress


def test_what_is_removed_is_gone_by_name_before_anything_in_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "a").touch()
    seen: list[list[str]] = []
    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda p, **_: seen.append([q.name for q in tmp_path.iterdir()]) or real(p))
    disk.remove(tmp_path / "whole")
    assert len(seen) == 1
    assert "whole" not in seen[0]
    assert list(tmp_path.iterdir()) == []


def test_files_and_links_and_nothing_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("file", "link", "nothing"):
        disk.remove(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_only_hidden_temporary_names_are_swept(tmp_path: Path) -> None:
    for name in (".run.json.12.tmp", "run.json", ".lock", "a.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".student.7.tmp").mkdir()
    disk.sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "a.tmp", "run.json"]
    disk.sweep(tmp_path / "none")


@pytest.mark.parametrize(
    ("error", "full", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x/y"), True, "x/y: No space left on device"),
        (OSError("No space left on device (os error 28)"), True, "No space left on device (os error 28)"),
        (OSError(errno.EROFS, "Read-only file system"), False, "Read-only file system"),
        (OSError(), False, "OSError"),
    ],
)
def test_an_error_is_told_with_its_file_and_its_way_out(error: OSError, full: bool, told: str) -> None:
    assert (disk.is_full(error), disk.told(error)) == (full, told)
    assert disk.way_out(error) == ("make room" if full else "put that right")


def test_an_error_of_a_library_in_rust_is_one_of_the_disk() -> None:
    for error in (SafetensorError("I/O error: File name too long"), Exception("No space left (os error 28)")):
        with pytest.raises(OSError, match=r"^(File name too long|No space left \(os error 28\))$"), disk.errors():
            raise error
    with pytest.raises(ValueError, match="mine"), disk.errors():
        raise ValueError("mine")


def saver(run: Path) -> Callable[[int, int], Path]:
    """Return what saves a checkpoint of a step, of which so many are kept."""
    plan = tiny.plan()
    pair = plan.pair
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)
    optimizer = make_optimizer(distiller, plan.recipe.train)
    return lambda step, keep: checkpoint.save(run, Progress(step), distiller, optimizer, Objective({"kd": 1.0}), keep)


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: dict[int, bool] = {}
    final = tmp_path / FOLDER / "step-00000001"
    monkeypatch.setattr("os.fsync", lambda handle: synced.setdefault(os.fstat(handle).st_ino, final.exists()))
    assert saver(tmp_path)(1, 2) == final
    files = {file.stat().st_ino: False for file in final.iterdir()}
    assert len(files) == 3
    assert synced == {**files, final.parent.stat().st_ino: True}


def test_on_a_full_disk_the_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = saver(tmp_path)
    for step in (1, 2):
        save(step, 2)
    real = checkpoint.save_file

    def room_for_two(what: Any, name: str) -> None:
        if len(checkpoint.every(tmp_path)) > 1:
            raise OSError(28, "No space left on device")
        real(what, name)

    monkeypatch.setattr(checkpoint, "save_file", room_for_two)
    save(3, 2)
    assert [p.name for p in sorted((tmp_path / FOLDER).iterdir())] == ["step-00000002", "step-00000003"]
    # the newest one never goes
    with pytest.raises(OSError, match="No space"):
        save(4, 9)
    assert len(checkpoint.every(tmp_path)) == 2


@pytest.mark.parametrize("call", ["prune", "drop_after"])
def test_a_checkpoint_that_is_being_removed_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    save = saver(tmp_path)
    for step in (1, 2):
        save(step, 2)
    killed: list[Path] = []

    def half(folder: Path, **_: Any) -> None:
        killed.append(folder)
        (folder / MODEL).unlink()

    monkeypatch.setattr("shutil.rmtree", half)
    if call == "prune":
        save(3, 2)
    else:
        checkpoint.drop_after(tmp_path, 1)
    assert len(killed) == 1
    assert all((folder / MODEL).is_file() for folder in checkpoint.every(tmp_path))
    monkeypatch.undo()
    # what was left behind goes with the next
    save(4, 9)
    assert not list((tmp_path / FOLDER).glob(".*"))
