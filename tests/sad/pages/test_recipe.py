"""What `sad explain` says of the recipe: every key and section is found, by its whole name and by the end of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sad.pages.recipe import key_page, nearest_key, recipe_markdown
from sad.recipe.schema import Recipe
from sad.recipe.section import Section


def keys(section: type[Section] = Recipe, path: str = "") -> Iterator[tuple[str, str]]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from keys(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}", field.description or ""


def test_every_key_has_a_page_with_its_sentence() -> None:
    every = dict(keys())
    assert "terms.kd.weight" in every
    for key, told in every.items():
        page = key_page(key)
        assert page is not None
        assert page.startswith(f"# `{key}`\n\n{' '.join(told.split(chr(10)))}")
        assert "\nDefault: " in page


def test_a_section_lists_its_keys_and_no_others() -> None:
    page = key_page("terms.kd")
    assert page is not None
    assert page.startswith("# `[terms.kd]`\n\nDivergence from the teacher")
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("- ")]
    assert listed == [key.rpartition(".")[2] for key, _ in keys() if key.startswith("terms.kd.")]


def test_a_section_names_those_in_it() -> None:
    terms, kd = key_page("terms"), key_page("terms.kd")
    assert terms is not None
    assert kd is not None
    assert "\n\nSections in it:\n\n- `[terms.kd]`\n- `[terms.lm]`\n" in terms
    assert "Sections in it" not in kd


@pytest.mark.parametrize("word", ["train.learning_rate", "learning_rate", "learning-rate", " Learning_Rate = 1e-3"])
def test_a_key_is_found_by_the_end_of_its_name(word: str) -> None:
    assert key_page(word) == key_page("train.learning_rate")


def test_an_end_that_several_names_have_tells_of_all_of_them() -> None:
    page = key_page("temperature")
    assert page is not None
    assert [line for line in page.splitlines() if line.startswith("# ")] == [
        f"# `{key}`" for key, _ in keys() if key.endswith(".temperature")
    ]


@pytest.mark.parametrize("word", ["", ".", "q", "d.weight", "nothing", "V104", "kd.weight.more"])
def test_what_names_nothing_has_no_page(word: str) -> None:
    assert key_page(word) is None


def test_a_slip_is_led_to_the_key() -> None:
    assert nearest_key("terms.kd.wieght=1") == "terms.kd.weight"
    assert nearest_key("terms.kdd") == "terms.kd"
    assert nearest_key("something.else.altogether") is None


def test_the_page_of_all_shows_bars_as_a_table_needs_them() -> None:
    assert "KL(P \\|\\| Q)" in recipe_markdown()
    page = key_page("terms.kd.divergence")
    assert page is not None
    assert "KL(P || Q)" in page
