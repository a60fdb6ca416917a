"""What every part of a recipe is: typed, frozen, without unknown keys, each key with a sentence."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the recipe: no unknown keys, no value of another type, no change after reading."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )
