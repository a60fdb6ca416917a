"""What every part of a recipe is: typed, frozen, without unknown keys, each key with a sentence."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A part of the recipe: no unknown keys, no value of another type, no empty text, no change after reading."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, tree: Any) -> Any:  # noqa: ANN401 - whatever was given; what is no section is refused afterwards
        """Refuse empty text: as a path it would be the folder that one happens to be in."""
        for name, value in tree.items() if isinstance(tree, dict) else ():
            if name in cls.model_fields and isinstance(value, str) and not value.strip():
                raise ValueError(f"{name} is empty: give it a value, or leave it out")
        return tree
