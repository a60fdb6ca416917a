"""What every part of a recipe is: typed, frozen, without unknown keys, each key with a sentence and with bounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

STEPS = 1_000_000_000
"""More optimizer steps than any run has."""
LONGEST = 4096
"""Characters of a text in a recipe, which is a name or a path."""
_SIGNS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


class Section(BaseModel):
    """A part of the recipe: no unknown keys, no value of another type, no text that is empty or cannot be a name."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, tree: Any) -> Any:  # noqa: ANN401 - whatever was given; what is no section is refused afterwards
        """Refuse empty text, which as a path would be the current folder, and what no path can hold."""
        for name, value in tree.items() if isinstance(tree, dict) else ():
            if name not in cls.model_fields or not isinstance(value, str):
                continue
            if not value.strip():
                raise ValueError(f"{name} is empty: give it a value, or leave it out")
            if "\0" in value or len(value) > LONGEST:
                fault = "holds a NUL" if "\0" in value else f"has more than {LONGEST:,} characters"
                raise ValueError(f"{name} {fault}: give it a name or a path")
        return tree


def limits(rules: Iterable[object]) -> str:
    """Say in words between which bounds a key's metadata puts its value: "at least 0 and at most 1"; "" for none."""
    return " and ".join(
        f"{word} {number(getattr(rule, sign))}" for rule in rules for sign, word in _SIGNS if hasattr(rule, sign)
    )


def number(value: float) -> str:
    """Write a bound as a person reads it: 1,000,000, and 1e-12."""
    return f"{int(value):,}" if value == int(value) and abs(value) <= 2**63 else f"{value:g}"


def shown(value: object) -> str:
    """Write a value as it was given, but short; Python does not even write an integer of some thousand digits."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length():,} bits"
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:80]}…"
