"""What follows the student is off, and what cannot be asked for is refused in one line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from sad.errors import UserError
from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.aware import OFF

ALL = """
[aware.tokens]
power = 0.5
[aware.layers]
learned = true
[aware.time]
terms = ["kd"]
begin = 0.1
end = 0.2
[aware.shares]
every = 20
"""


def test_all_of_it_is_off_and_what_is_written_is_read_again() -> None:
    assert recipes.load(None, {}).aware == OFF
    whole = recipes.parse(tomllib.loads(ALL), "the test")
    assert (whole.aware.tokens.power, whole.aware.time.terms) == (0.5, ["kd"])
    assert recipes.parse(tomllib.loads(toml.toml(whole)), "written") == whole


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"aware.tokens.power": 3.0}, "at least -2 and at most 2"),
        ({"aware.tokens.most": 1.0}, "1.0 is out of range: give a number that is above 1"),
        ({"aware.tokens.power": 1.0, "terms.kd.weight": 0.0}, "give terms.kd a weight"),
        ({"aware.layers.learned": True, "terms.layerwise.weight": 0.0}, "give terms.layerwise a weight"),
        ({"aware.time.terms": ["kd", "contrastive"]}, "these are not: contrastive"),
        ({"aware.time.terms": ["lm"]}, "cannot wait itself"),
        ({"aware.time.terms": ["kd"], "terms.lm.weight": 0.0}, "lm needs a weight"),
        ({"aware.time.terms": ["kd"], "shares": {"kd": 1, "lm": 1, "layerwise": 1}}, "set one of them"),
        ({"aware.time.begin": 0.5, "aware.time.end": 0.5}, "must lie above"),
        ({"aware.shares.of": "gradient"}, "set shares"),
        ({"aware.shares.of": "norm"}, "'value' or 'gradient'"),
        ({"aware.token.power": 1.0}, "did you mean tokens?"),
        ({"terms.kd.weight": 1e308}, "at most 1,000,000"),
        ({"terms.custom": {"mine": {"term": "a:B", "weight": 1e7}}}, "at most 1,000,000"),
        ({"shares": {"kd": 1e-6, "lm": 1e6, "layerwise": 1}}, "times another"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        recipes.load(None, wrong)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
