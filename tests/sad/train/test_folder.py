"""A folder of its own for every run, and `latest` points to the newest."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from sad.errors import UserError
from sad.train import folder


def test_a_run_has_a_folder_named_by_time_and_name_and_latest_points_to_it(tmp_path: Path) -> None:
    made = folder.new(tmp_path / "deep" / "runs", "distil")
    assert re.fullmatch(r"\d{8}-\d{6}-distil", made.name)
    assert made.is_dir()
    link = tmp_path / "deep" / "runs" / folder.LATEST
    assert link.resolve() == made.resolve()
    # relative: the folder of runs can be moved
    assert os.readlink(link) == made.name


def test_runs_of_one_second_do_not_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20260101-000000")
    made = [folder.new(tmp_path, "a") for _ in range(3)]
    assert [m.name for m in made] == ["20260101-000000-a", "20260101-000000-a-2", "20260101-000000-a-3"]
    assert (tmp_path / folder.LATEST).resolve() == made[-1].resolve()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_real_file_named_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / folder.LATEST).mkdir()
    folder.new(tmp_path, "a")
    assert not (tmp_path / folder.LATEST).is_symlink()


def test_a_link_that_points_nowhere_is_replaced(tmp_path: Path) -> None:
    (tmp_path / folder.LATEST).symlink_to("gone")
    made = folder.new(tmp_path, "a")
    assert (tmp_path / folder.LATEST).resolve() == made.resolve()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot write to .*--output"):
        folder.new(tmp_path / "file", "a")
    with pytest.raises(UserError, match=r"cannot write to .*--output"):
        folder.new(tmp_path / "file" / "below", "a")


def test_an_existing_run_is_found_also_by_its_link(tmp_path: Path) -> None:
    made = folder.new(tmp_path, "a")
    (made / folder.RECIPE).write_text("", encoding="utf-8")
    assert folder.existing(tmp_path / folder.LATEST) == made.resolve()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run"):
        folder.existing(tmp_path / "none")
    with pytest.raises(UserError, match="is not a run of sad train"):
        folder.existing(tmp_path)
