"""A run folder of somebody else's: its recipe and its links need the user's word before it is gone on with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sad.errors import UserError
from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.schema import Recipe
from sad.train.command import run_train
from sad.train.saving import consent
from sad.train.saving.folder import RECIPE

TERM = "terms.custom.mine.term"


def made(folder: Path, **keys: Any) -> tuple[Path, Recipe]:
    """A run's folder with the recipe that dotted keys make, spelled with two underscores."""
    recipe = recipes.load(None, {key.replace("__", "."): value for key, value in keys.items()})
    (folder / "checkpoints" / "step-00000002").mkdir(parents=True)
    (folder / RECIPE).write_text(toml.toml(recipe), encoding="utf-8")
    (folder / "metrics.jsonl").write_text("")
    return folder, recipe


def refused(folder: Path, recipe: Recipe, *given: str) -> str:
    with pytest.raises(UserError) as caught:
        consent.check(folder, recipe, given, trust=False)
    consent.check(folder, recipe, given, trust=True)
    assert "--trust" in str(caught.value)
    assert consent.command(folder).endswith(" --trust")
    return str(caught.value)


def test_a_plain_run_needs_no_word(tmp_path: Path) -> None:
    folder, recipe = made(tmp_path / "run")
    consent.check(folder, recipe, trust=False)
    assert consent.command(folder) == f"sad train --resume {folder}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("terms.custom.mine.term", "evil.py:Term"),
        ("teacher.trust_remote_code", True),
        ("student.trust_remote_code", True),
        ("train.push_checkpoint", "/elsewhere"),
        ("data.cache", "/elsewhere"),
    ],
)
def test_code_and_places_outside_need_one(tmp_path: Path, key: str, value: Any) -> None:
    more = {"terms.custom.mine.weight": 1.0} if key == TERM else {}
    folder, recipe = made(tmp_path / "run", **{key: value, **more})
    assert key.removesuffix(".term") in refused(folder, recipe)


def test_what_the_user_says_on_the_command_line_is_the_word(tmp_path: Path) -> None:
    folder, recipe = made(tmp_path / "run", train__push_checkpoint="/elsewhere")
    consent.check(folder, recipe, ["train.push_checkpoint"], trust=False)


def test_a_copy_that_goes_on_in_its_place_needs_none(tmp_path: Path) -> None:
    folder, recipe = made(tmp_path / "far" / "run", train__push_checkpoint=str(tmp_path / "far"))
    consent.check(folder, recipe, trust=False)
    assert consent.command(folder) == f"sad train --resume {folder}"


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "student", "checkpoints/step-00000002/state.json", ".run.json.1.tmp"]
)
def test_a_link_out_of_the_folder_needs_one(tmp_path: Path, name: str) -> None:
    folder, recipe = made(tmp_path / "run")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "precious")
    assert name in refused(folder, recipe)


def test_so_do_a_folder_that_is_a_link_and_a_pipe(tmp_path: Path) -> None:
    folder, recipe = made(tmp_path / "run")
    shutil.move(folder / "checkpoints", tmp_path / "far")
    (folder / "checkpoints").symlink_to(tmp_path / "far")
    assert "checkpoints" in refused(folder, recipe)
    (folder / "checkpoints").unlink()
    os.mkfifo(folder / "another")
    assert "another" in refused(folder, recipe)


@pytest.mark.parametrize("name", ["metrics.jsonl", "events.jsonl", "run.json"])
def test_a_pipe_in_place_of_the_record_is_refused_at_any_trust(tmp_path: Path, name: str) -> None:
    folder, recipe = made(tmp_path / "run")
    consent.check(folder, recipe, trust=True)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    for trust in (False, True):
        with pytest.raises(UserError, match=r"pipe or a device|no regular file"):
            consent.check(folder, recipe, trust=trust)


def test_sad_train_asks_before_anything_is_run_or_written(tmp_path: Path) -> None:
    """The term of the recipe would leave a file when it is imported."""
    left = tmp_path / "left"
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(left)!r}, 'w')\n\n\ndef term(view):\n    return None\n")
    folder, _ = made(tmp_path / "run", **{TERM: f"{evil}:term", "terms.custom.mine.weight": 1.0})
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match="--trust"):
        run_train(None, {}, [], folder, dry_run=False)
    assert not left.exists()
    assert sorted(folder.rglob("*")) == before


def test_trust_is_said_of_a_folder() -> None:
    with pytest.raises(UserError, match="--resume"):
        run_train(None, {}, [], None, dry_run=True, trust=True)


@pytest.mark.parametrize(
    ("key", "option"), [("output.folder", "--output"), ("train.push_checkpoint", "--push-checkpoint")]
)
def test_a_dry_run_refuses_the_places_that_the_run_itself_would(tmp_path: Path, key: str, option: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"file is a file; choose another place with {option}"):
        run_train(None, {key: str(tmp_path / "file")}, [], None, dry_run=True)
