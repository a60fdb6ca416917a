"""A folder of its own for every run, and `latest` points to the newest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sad.errors import UserError
from sad.recipe import schema as recipe
from sad.train.saving import folder


def test_a_run_has_a_folder_named_by_time_and_name_and_latest_points_to_it(tmp_path: Path) -> None:
    made = folder.new(tmp_path / "deep" / "runs", "distil")
    assert [p.name for p in made.parent.iterdir()] == [made.name]
    folder.point(made, pytest.fail)
    assert re.fullmatch(r"\d{8}-\d{6}-distil", made.name)
    assert made.is_dir()
    link = tmp_path / "deep" / "runs" / folder.LATEST
    assert link.resolve() == made.resolve()
    # relative: the folder of runs can be moved
    assert os.readlink(link) == made.name


def test_runs_of_one_second_do_not_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20260101-000000")
    made = [folder.new(tmp_path, "a") for _ in range(3)]
    for one in made:
        folder.point(one, pytest.fail)
    assert [m.name for m in made] == ["20260101-000000-a", "20260101-000000-a-2", "20260101-000000-a-3"]
    assert (tmp_path / folder.LATEST).resolve() == made[-1].resolve()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_a_real_file_named_latest_is_left_alone_and_that_is_told(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / folder.LATEST)
    told: list[str] = []
    folder.point(folder.new(tmp_path, "a"), told.append)
    assert not (tmp_path / folder.LATEST).is_symlink()
    assert told == [
        f"{tmp_path / folder.LATEST} is no link, or cannot be one: it is left as it is, and is not this run"
    ]


@pytest.mark.parametrize("target", ["gone", folder.LATEST])
def test_a_link_that_points_nowhere_is_replaced(tmp_path: Path, target: str) -> None:
    (tmp_path / folder.LATEST).symlink_to(target)
    with pytest.raises(UserError, match="latest is a link that leads to no run: name the folder"):
        folder.existing(tmp_path / folder.LATEST)
    told: list[str] = []
    made = folder.new(tmp_path, "a")
    folder.point(made, told.append)
    assert (tmp_path / folder.LATEST).resolve() == made.resolve()
    assert told == []


def test_a_folder_of_runs_that_is_a_broken_link_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to("gone")
    for call in (folder.check, lambda runs: folder.new(runs, "a")):
        with pytest.raises(UserError, match="it is a link that leads nowhere; choose another place with --output"):
            call(tmp_path / "runs")


def test_a_place_where_no_copy_can_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a")
    (tmp_path / "link").symlink_to("gone")
    ways = {"file": "is a file", "file/under": "is a file", "link": "leads nowhere"}
    for name, told in ways.items():
        with pytest.raises(UserError, match=f"cannot copy checkpoints to .*{told}; choose .* --push-checkpoint"):
            folder.check_copies(tmp_path / name)
    folder.check_copies(tmp_path / "new" / "place")
    # it is made with the first copy, and a try leaves nothing
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.skipif(sys.platform != "linux", reason="a file system on which nobody can make a file")
def test_a_place_is_judged_by_a_try_and_not_by_its_rights() -> None:
    with pytest.raises(UserError, match="cannot copy checkpoints to /proc/copies: "):
        folder.check_copies(Path("/proc/copies"))


def test_a_folder_that_is_gone_takes_no_link(tmp_path: Path) -> None:
    kept, gone = folder.new(tmp_path, "a"), folder.new(tmp_path, "b")
    folder.point(kept, pytest.fail)
    gone.rmdir()
    folder.point(gone, pytest.fail)
    assert (tmp_path / folder.LATEST).resolve() == kept.resolve()


def test_two_processes_that_point_at_once_leave_a_link_to_a_run(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from sad.train.saving import folder\n"
    code += "for _ in range(100): folder.point(folder.new(Path(sys.argv[1]), sys.argv[2]), sys.exit)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[4])}
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env=env) for name in "ab"]
    assert [one.wait(60) for one in started] == [0, 0]
    assert (tmp_path / folder.LATEST).resolve(strict=True).is_dir()
    assert sum(one.name.startswith(".") for one in tmp_path.iterdir()) == 0


def test_half_a_recipe_is_never_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recipe.load(None, {"output.folder": tmp_path, "train.device": "cpu"})

    def full(path: Path, _: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(folder, "replace_text", full)
    with pytest.raises(UserError, match="No space left on device; make room, or choose another place with --output"):
        folder.shared(asked, "cpu")
    monkeypatch.undo()
    made = folder.shared(asked, "cpu")
    assert [p.name for p in made.iterdir()] == [folder.RECIPE]


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    imports = "import sys; from pathlib import Path; from sad.train.saving import folder"
    other = f"{imports}\nwith folder.held(Path(sys.argv[1])): pass"

    def tried() -> str:
        root = str(Path(__file__).resolve().parents[4])
        words = [sys.executable, "-c", other, str(tmp_path)]
        done = subprocess.run(
            words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}, check=False
        )
        return done.stderr

    (tmp_path / folder.RECIPE).touch()
    with folder.held(tmp_path):
        # whoever only reads it does not open the door
        assert (tmp_path / folder.RECIPE).read_bytes() == b""
        assert "another process trains in" in tried()
    assert tried() == ""


def test_where_nothing_can_be_locked_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with folder.held(tmp_path / "none"):
        pass
    # the others of a run do not wait for the one that writes
    (tmp_path / folder.RECIPE).touch()
    with folder.held(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with folder.held(tmp_path):
            assert os.environ["RANK"] == "1"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot write to .*--output"):
        folder.new(tmp_path / "file", "a")
    with pytest.raises(UserError, match=r"cannot write to .*--output"):
        folder.new(tmp_path / "file" / "below", "a")


def test_an_existing_run_is_found_also_by_its_link(tmp_path: Path) -> None:
    made = folder.new(tmp_path, "a")
    folder.point(made, pytest.fail)
    (made / folder.RECIPE).write_text("", encoding="utf-8")
    assert folder.existing(tmp_path / folder.LATEST) == made.resolve()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run"):
        folder.existing(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file: name the folder of a run"):
        folder.existing(tmp_path / "file")
    with pytest.raises(UserError, match="is not a run of sad train"):
        folder.existing(tmp_path)
