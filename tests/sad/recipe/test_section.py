"""Every key of the recipe by its type: a number has bounds on both sides, a text is one that can be a name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from sad.errors import UserError
from sad.recipe import schema as recipes
from sad.recipe.schema import Recipe
from sad.recipe.section import LONGEST, Section, limits, number, shown

BY_ITSELF = ("data.held_out", "terms.layerwise.layers", "terms.attention.layers")
"""Keys that take numbers and something else: their own validators bound the numbers."""
OF_A_MAPPING = {"terms.custom": ("mine.weight", {"term": "a:B"}), "shares": ("kd", {"lm": 1.0, "layerwise": 1.0})}


def keys(section: type[Section] = Recipe, path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from keys(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}", field


def types(field: FieldInfo) -> tuple[Any, ...]:
    """The types of a key's value, None left out."""
    kind = field.annotation
    return tuple(one for one in get_args(kind) or (kind,) if one is not type(None))


def is_text(field: FieldInfo) -> bool:
    return str in types(field) and get_origin(field.annotation) is not list


EVERY = dict(keys())
NUMBERS = {key: field for key, field in EVERY.items() if types(field) in ((int,), (float,))}
TEXTS = [key for key, field in EVERY.items() if is_text(field)]


def refused(key: str, value: object) -> str:
    with pytest.raises(UserError) as caught:
        recipes.load(None, {key: value})
    told = str(caught.value)
    assert "\n" not in told
    assert len(told) < 400
    return told


def test_every_key_is_of_a_kind_that_is_tried_here() -> None:
    assert len(NUMBERS) > 35
    assert len(TEXTS) > 12
    choices = {key for key, field in EVERY.items() if get_origin(field.annotation) is Literal or bool in types(field)}
    choices |= {key for key, field in EVERY.items() if any(get_origin(one) is Literal for one in types(field))}
    lists = {"train.trackers", "aware.time.terms"}
    paths = {"data.cache", "output.folder"}
    told = {*NUMBERS, *TEXTS, *choices, *BY_ITSELF, *OF_A_MAPPING, *lists, *paths}
    assert set(EVERY) <= told


@pytest.mark.parametrize("key", NUMBERS)
def test_every_number_has_bounds_on_both_sides_and_its_default_lies_between(key: str) -> None:
    told = limits(NUMBERS[key].metadata)
    assert told.startswith(("at least ", "above "))
    assert " and at most " in told or " and below " in told
    default = NUMBERS[key].get_default(call_default_factory=True)
    if default is not None:
        recipes.load(None, {key: default} if default else {key: default, "terms.lm.weight": 1.0})


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_that_nobody_can_mean_is_refused_with_the_key_the_value_and_the_range(key: str) -> None:
    whole = types(NUMBERS[key]) == (int,)
    for value in (-1, 10**30, 1 << 40_000, *(() if whole else (1e300, -1e300, math.nan, math.inf))):
        if key == "aware.tokens.power" and value == -1:
            continue
        told = refused(key, value)
        assert told == f"the flags: {key}: {shown(value)} is out of range: give a number that is " + limits(
            NUMBERS[key].metadata
        )


@pytest.mark.parametrize(("key", "below"), OF_A_MAPPING.items())
def test_a_number_in_a_mapping_is_bound_as_well(key: str, below: tuple[str, dict[str, Any]]) -> None:
    name, others = below
    for value in (1e300, -1.0, math.nan, 1 << 40_000):
        tree: dict[str, Any] = {"mine": {**others, "weight": value}} if "." in name else {**others, name: value}
        told = refused(key, tree)
        assert told.startswith(f"the flags: {key}.{name}: {shown(value)} is out of range: give a number that is at ")


@pytest.mark.parametrize("key", BY_ITSELF)
def test_a_key_that_takes_numbers_and_more_is_bound_as_well(key: str) -> None:
    for value in (10**30, 1 << 40_000, -1, math.nan, math.inf):
        assert refused(key, value).startswith(f"the flags: {key.rpartition('.')[0]}")
    if key.endswith("layers"):
        for pair in ([0, -1], [10**30, 0], [0, 10_000]):
            assert "blocks are numbered from 0" in refused(key, [pair])


@pytest.mark.parametrize("key", [key for key in NUMBERS if key.endswith((".weight", ".learning_rate", "temperature"))])
def test_what_float32_makes_nothing_of_is_refused(key: str) -> None:
    assert refused(key, 1e-300).startswith(f"the flags: {key}: 1e-300 is ")


@pytest.mark.parametrize("key", [*TEXTS, "data.cache", "output.folder"])
def test_a_text_that_can_be_no_name_is_refused(key: str) -> None:
    section, name = key.rsplit(".", 1)
    assert refused(key, "a\0b") == f"the flags: {section}.{name} holds a NUL: give it a name or a path"
    assert f"{name} has more than 4,096 characters" in refused(key, "a" * (LONGEST + 1))


@pytest.mark.parametrize(("value", "told"), [(10**6, "1,000,000"), (1e6, "1,000,000"), (1e-12, "1e-12"), (0.5, "0.5")])
def test_a_bound_is_written_as_a_person_reads_it(value: float, told: str) -> None:
    assert number(value) == told


def test_a_value_is_shown_short() -> None:
    assert shown(3) == "3"
    assert shown(1 << 40_000) == "a number of 40,001 bits"
    assert shown("a" * 1000) == f"'{'a' * 79}…"
