"""The part of the recipe that says what follows the student while it learns; all of it is off unless asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from sad.recipe.section import STEPS, Section
from sad.recipe.terms import Terms

KD, LM, LAYERWISE = "kd", "lm", "layerwise"


class Tokens(Section):
    """Weights of the compared positions, from the gap between student and teacher at each."""

    power: float = Field(default=0.0, ge=-2, le=2)
    """A position's KD gradient is weighted by (gap / mean gap) to this power: above 0 where the student is far from the
    teacher, below 0 where it is near; 0 weighs nothing.
    """
    most: float = Field(default=4.0, gt=1, le=100)
    """Largest factor of a position, and one over the smallest, before the factors are brought to mean 1."""


class Layers(Section):
    """Which of the teacher's blocks each compared block of the student answers to, in the layerwise term."""

    learned: bool = False
    """Each block answers to a mixture of all the teacher's, which is learned; it begins near the block of its depth."""


class Time(Section):
    """Terms that wait until the student is ready."""

    terms: list[str] = Field(default=[])
    """Terms whose weight rises from 0 with the progress of the LM loss; none if empty."""
    begin: float = Field(default=0.25, ge=0, lt=1)
    """Progress at which the weights begin to rise: 0 is the student's first LM loss, 1 the teacher's."""
    end: float = Field(default=0.5, gt=0, le=1)
    """Progress from which they are whole."""

    @model_validator(mode="after")
    def _rises(self) -> Time:
        if self.begin >= self.end:
            raise ValueError(f"end must lie above begin, and {self.end:g} does not lie above {self.begin:g}")
        return self


class Shares(Section):
    """How the target shares of `shares` are held."""

    of: Literal["value", "gradient"] = "value"
    """Shares of the loss's value, followed in every step, or of the gradient's norm, measured now and then."""
    every: int = Field(default=50, ge=1, le=STEPS)
    """Steps between two measurements of the gradient."""


class Aware(Section):
    """What follows the student while it learns; docs/student-aware.md says what was measured of each."""

    tokens: Tokens = Tokens()
    layers: Layers = Layers()
    time: Time = Time()
    shares: Shares = Shares()

    def misfit(self, terms: Terms, shares: Mapping[str, float] | None) -> str | None:
        """Say what does not fit the terms and target shares of a recipe; None if all does."""
        weights = terms.weights
        if self.tokens.power and KD not in weights:
            return "aware.tokens weighs the positions of KD: give terms.kd a weight"
        if self.layers.learned and LAYERWISE not in weights:
            return "aware.layers is the map of the layerwise term: give terms.layerwise a weight"
        if self.time.terms:
            if unknown := sorted(set(self.time.terms) - set(weights)):
                return f"aware.time.terms must be terms with a weight; these are not: {', '.join(unknown)}"
            if LM in self.time.terms or LM not in weights:
                return "aware.time measures progress by the LM loss: lm needs a weight, and cannot wait itself"
            if shares is not None:
                return "shares and aware.time.terms both hold the weights: set one of them"
        if self.shares.of == "gradient" and shares is None:
            return "aware.shares holds the target shares: set shares, for example {kd = 70, lm = 30}"
        return None


OFF = Aware()
"""Nothing follows the student."""
