"""The terms of a recipe: layer maps, terms of one's own, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sad.errors import UserError
from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.terms import Kd

OWN = """
[terms.custom]
mine = {term = "my_terms.py:Mine", weight = 0.1, sharpness = 2.5, places = ["a", "b"], deep = [{x = 1}]}

[terms.custom.other]
term = "package.module:Other"
weight = 0
"""


def read(**overrides: Any) -> recipes.Recipe:
    return recipes.load(None, {key.replace("__", "."): value for key, value in overrides.items()})


def refused(**overrides: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(**overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("section", ["layerwise", "attention"])
def test_layers_are_a_count_or_pairs(section: str) -> None:
    key = f"terms__{section}__layers"
    assert getattr(read(**{key: 3}).terms, section).layers == 3
    pairs = [[0, 2], [1, 2]]
    whole = read(**{key: pairs})
    assert getattr(whole.terms, section).layers == pairs
    assert recipes.parse(tomllib.loads(toml.toml(whole)), "written") == whole


@pytest.mark.parametrize(
    "wrong", [0, -1, True, "2", [], [1, 2], [[1]], [[0, 1, 2]], [[0, 1.0]], [[0, "1"]], [[0, True]]]
)
def test_layers_of_another_form_are_refused(wrong: object) -> None:
    message = refused(terms__layerwise__layers=wrong)
    assert message.startswith("the flags: terms.layerwise.layers: write how many pairs of blocks, or the pairs: [[")
    assert "named twice" in refused(terms__layerwise__layers=[[0, 1], [1, 2], [0, 1]])


def test_terms_of_ones_own_have_a_name_a_weight_and_options() -> None:
    found = recipes.parse(tomllib.loads(OWN), "test")
    mine = found.terms.custom["mine"]
    assert mine.model_extra == {"sharpness": 2.5, "places": ["a", "b"], "deep": [{"x": 1}]}
    assert found.terms.weights == {"kd": 1.0, "lm": 1.0, "layerwise": 0.03, "mine": 0.1}
    assert recipes.parse(tomllib.loads(toml.toml(found)), "written") == found


def test_one_term_of_ones_own_is_enough() -> None:
    off = {f"terms__{name}__weight": 0 for name in ("kd", "lm", "layerwise")}
    assert read(**off, terms__custom={"mine": {"term": "a:B", "weight": 1}}).terms.weights == {"mine": 1.0}


@pytest.mark.parametrize(
    ("name", "term", "says"),
    [
        ("kd", {"term": "a:B", "weight": 1}, "kd is a term of sad's own"),
        ("Mine", {"term": "a:B", "weight": 1}, "named in small letters, digits and _, not Mine"),
        ("mine", {"term": "a:B"}, "terms.custom.mine.weight: field required"),
        ("mine", {"term": "my_terms.py", "weight": 1}, "terms.custom.mine.term: string should match pattern"),
        ("mine", {"term": "a:B", "weight": -1}, "terms.custom.mine.weight"),
    ],
)
def test_what_is_no_term_is_refused(name: str, term: dict[str, Any], says: str) -> None:
    assert says in refused(terms__custom={name: term})


def test_the_file_of_a_term_holds_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_terms.py").write_text("")
    monkeypatch.chdir(tmp_path)
    found = toml.anchored(recipes.parse(tomllib.loads(OWN), "test"))
    assert found.terms.custom["mine"].term == f"{tmp_path.resolve()}/my_terms.py:Mine"
    assert found.terms.custom["other"].term == "package.module:Other"


def test_a_mixture_that_is_always_zero_is_refused() -> None:
    with pytest.raises(ValidationError, match="is 0 for every student: take a smaller mix"):
        Kd(divergence="skew_kl", mix=1.0)
    assert Kd(divergence="jsd", mix=1.0).mix == 1.0
