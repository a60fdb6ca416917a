"""The edits of all findings, put into the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sad.preflight.finding import ORDER, Finding
from sad.recipe import schema as recipes
from sad.recipe.schema import Recipe


def edits(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the edits by dotted key; where two findings want the same key, the worse and then the earlier one wins."""
    found: dict[str, Any] = {}
    for level in ORDER:
        for finding in findings:
            if finding.level is level:
                found = {**finding.edits, **found}
    return found


def mended(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return the recipe with the edits. A term whose weight becomes 0 leaves the target shares too.

    Raises UserError if the edits make no recipe.
    """
    tree = recipe.model_dump(mode="json", exclude_none=True)
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
        if key == "weight" and value == 0 and "shares" in tree:
            tree["shares"].pop(sections[-1], None)
    return recipes.parse(tree, "the mended recipe")


def current(recipe: Recipe, dotted: str) -> object:
    """Return the value of a dotted key in the recipe; None where it has none."""
    value: Any = recipe.model_dump(mode="json")
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
