from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.preflight.finding import Finding, Level
from sad.preflight.mend import current, edits, mended
from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.schema import parse


def finding(level: Level, **changes) -> Finding:
    return Finding("t", level, "s", edits={k.replace("__", "."): v for k, v in changes.items()})


def test_the_worse_finding_has_the_say_and_then_the_earlier_one() -> None:
    found = edits(
        [
            finding(Level.WARNING, train__clip=1.0, data__column="a"),
            finding(Level.WRONG, train__clip=2.0),
            finding(Level.WRONG, train__clip=3.0),
        ]
    )
    assert found == {"train.clip": 2.0, "data.column": "a"}


def test_the_mended_recipe_is_one_that_trains_read(tmp_path) -> None:
    recipe = parse({"student": {"model": "./s", "tokenizer": "./t"}}, "test")
    made = mended(recipe, {"terms.layerwise.weight": 0.5, "student.tokenizer": None, "train.batch_size": 2})
    assert made.terms.layerwise.weight == 0.5
    assert made.student.tokenizer is None
    file = tmp_path / "fixed.toml"
    file.write_text(toml.toml(made), encoding="utf-8")
    assert recipes.load(file, {}) == made
    # what was not mended stays
    assert made.train.learning_rate == recipe.train.learning_rate
    assert mended(recipe, {}) == recipe


def test_a_term_that_goes_leaves_the_target_shares() -> None:
    recipe = parse({"shares": {"kd": 50, "lm": 30, "layerwise": 20}}, "test")
    assert mended(recipe, {"terms.layerwise.weight": 0.0}).shares == {"kd": 50, "lm": 30}


def test_edits_that_make_no_recipe_are_an_error() -> None:
    with pytest.raises(UserError, match="the mended recipe"):
        mended(parse({}, "test"), {"train.batch_size": 0})


def test_a_value_is_found_by_its_dotted_key() -> None:
    recipe = parse({}, "test")
    assert current(recipe, "train.batch_size") == 8
    assert current(recipe, "shares.kd") is None
