from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.schema import Recipe

name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)


@given(
    st.fixed_dictionaries(
        {
            "teacher": st.fixed_dictionaries({"model": name}, optional={"tokenizer": name}),
            "data": st.fixed_dictionaries({"text": name, "held_out": st.floats(1e-9, 0.99) | name}),
            "train": st.fixed_dictionaries(
                {"epochs": st.floats(1e-6, 1e6), "learning_rate": st.floats(1e-30, 100), "seed": st.integers(0, 2**62)},
                optional={"max_steps": st.integers(1, 10**9), "device": st.sampled_from(["cpu", "auto"])},
            ),
            "output": st.fixed_dictionaries({"name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True)}),
        },
        optional={
            "shares": st.fixed_dictionaries(dict.fromkeys(("kd", "lm", "layerwise"), st.floats(1e-3, 1e3))),
        },
    )
)
def test_what_is_written_is_read_back_the_same(tree: dict[str, object]) -> None:
    wanted = recipes.parse(tree, "test")
    text = toml.toml(wanted)
    assert recipes.parse(tomllib.loads(text), "written") == wanted


def test_the_written_file_spells_out_every_default(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(toml.toml(Recipe()))
    assert recipes.load(path, {}) == Recipe()
    for key in ("learning_rate", "temperature", "max_length", "keep_checkpoints"):
        assert f"\n{key} = " in path.read_text()


def test_a_path_that_exists_is_made_absolute_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.txt").write_text("some text")
    (tmp_path / "teacher").mkdir()
    monkeypatch.chdir(tmp_path)
    given = recipes.load(
        None,
        {"data.text": "text.txt", "teacher.model": "./teacher", "student.model": "some/model", "data.held_out": 0.5},
    )
    found = toml.anchored(given)
    assert found.data.text == str(tmp_path / "text.txt")
    assert found.teacher.model == str(tmp_path / "teacher")
    assert (found.student.model, found.data.held_out, found.teacher.tokenizer) == ("some/model", 0.5, None)
    assert toml.anchored(Recipe()) == Recipe()


def test_the_place_of_copies_is_absolute_before_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = recipes.parse({"train": {"push_checkpoint": "far/away", "trackers": ["wandb", "trackio"]}}, "test")
    kept = toml.anchored(recipe)
    assert kept.train.push_checkpoint == str(tmp_path / "far" / "away")
    (tmp_path / "recipe.toml").write_text(toml.toml(kept))
    assert recipes.load(tmp_path / "recipe.toml", {}) == kept
    assert toml.anchored(recipes.parse({}, "test")).train.push_checkpoint is None
