"""The part of the recipe that says what the objective is made of."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from sad.recipe.section import Section

MOST = 1e6
"""Largest weight of a term: gradients of float32 times it stay far from infinity."""
LEAST = 1e-12
"""Smallest weight of a term that takes part."""
BLOCKS = 10_000
"""More blocks, and more heads, than any model has."""
NAME = re.compile(r"[a-z][a-z0-9_]*")


def _weighs(weight: float) -> float:
    """Refuse a weight that is 0 in float32: the term would appear in the record and nowhere else."""
    if 0 < weight < LEAST:
        raise ValueError(f"{weight:g} is no weight that float32 can follow: give {LEAST:g} or more, or 0")
    return weight


Weight = Annotated[float, Field(ge=0, le=MOST), AfterValidator(_weighs)]
Share = Annotated[float, Field(ge=1e-6, le=MOST)]


def _layers(value: Any) -> Any:  # noqa: ANN401 - whatever the recipe has
    """Refuse, in one line, what is neither a count nor pairs."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= BLOCKS:
        return value
    pairs = value if isinstance(value, list | tuple) else ()
    if not pairs or not all(isinstance(p, list | tuple) and [type(b) for b in p] == [int, int] for p in pairs):
        raise ValueError("write how many pairs of blocks, or the pairs: [[student's block, teacher's block], ...]")
    if not all(0 <= block < BLOCKS for pair in pairs for block in pair):
        raise ValueError(f"blocks are numbered from 0, and no model has {BLOCKS:,} of them: name blocks that there are")
    if len({tuple(pair) for pair in pairs}) < len(pairs):
        raise ValueError("a pair of blocks is named twice: name it once")
    return [list(pair) for pair in pairs]


Layers = Annotated[int | list[list[int]], BeforeValidator(_layers)]


class Kd(Section):
    """Divergence from the teacher's next-token distribution, at common boundaries."""

    weight: Weight = 1.0
    """Weight of the term; 0 leaves it out."""
    temperature: float = Field(default=1.0, ge=0.01, le=1000)
    """Softens both distributions; the gradient is corrected by its square."""
    divergence: Literal["forward_kl", "reverse_kl", "jsd", "skew_kl", "skew_reverse_kl"] = "forward_kl"
    """KL(P || Q) of teacher P and student Q, KL(Q || P), generalised JSD, or KL to a mixture of both (DistiLLM)."""
    mix: float = Field(default=0.5, ge=0, le=1)
    """Share of P in the mixture of `jsd` (its beta) and `skew_kl`, of Q in that of `skew_reverse_kl` (their alpha)."""

    @model_validator(mode="after")
    def _mixed(self) -> Kd:
        if self.divergence.startswith("skew") and self.mix == 1:
            raise ValueError(f"{self.divergence} with mix = 1 is 0 for every student: take a smaller mix")
        return self


class Lm(Section):
    """Cross-entropy against the text itself."""

    weight: Weight = 1.0
    """Weight of the term; 0 leaves it out."""


class Alm(Section):
    """Likelihood of each chunk between two common boundaries (ALM): an exact comparison where tokenizers differ."""

    weight: Weight = 0.0
    """Weight of the term; 0 leaves it out."""
    temperature: float = Field(default=100.0, ge=0.1, le=1e5)
    """Divides both log-likelihoods; value and gradient are multiplied by it, so they keep their size."""


class Layerwise(Section):
    """Distance of normalised hidden states, at common boundaries."""

    weight: Weight = 0.03
    """Weight of the term; 0 leaves it out."""
    layers: Layers = 1
    """How many pairs of blocks to compare, spread evenly and always with the last.
    Or the pairs themselves, [[student's block, teacher's block], ...], the first block being 0.
    """
    normalisation: Literal["layernorm", "relative", "cosine"] = "layernorm"
    """What is done to each state by itself, whatever its neighbours.
    `layernorm`: mean 0 and variance 1 on both sides; `relative`: mean square 1 on the teacher's side alone, so the
    student's size counts too; `cosine`: the direction alone.
    """


class Attention(Section):
    """What the places of a text are to one another inside attention, at common boundaries."""

    weight: Weight = 0.0
    """Weight of the term; 0 leaves it out."""
    compare: Literal["relations", "maps"] = "relations"
    """Relations of queries, keys and values (MiniLMv2), or the maps themselves.
    `relations` work with any attention kernel and any number of heads; `maps` are averaged over heads, and for them
    both models are loaded with eager attention, which is slower.
    """
    layers: Layers = 1
    """Pairs of blocks, as in `terms.layerwise`."""
    heads: int | None = Field(default=None, ge=1, le=BLOCKS)
    """Relation heads that queries, keys and values of both models are cut into.
    If not set, the most that divide all of them and keep 8 features.
    """


class Contrastive(Section):
    """InfoNCE between states of the last pair of `terms.layerwise.layers`."""

    weight: Weight = 0.0
    """Weight of the term; 0 leaves it out."""
    temperature: float = Field(default=0.1, ge=0.001, le=1000)
    """Divides the cosine similarities."""
    negatives: Literal["text", "batch"] = "text"
    """Other places of the same text, or of the whole micro-batch.
    Those of the `batch` are more and easier, and the value then depends on the size of the micro-batch.
    """


class Custom(Section):
    """A term of your own. Further keys are handed to it."""

    model_config = ConfigDict(extra="allow")

    term: str = Field(pattern=r"^[^:]+:[A-Za-z_]\w*$")
    """Where it is: `module:Class` or `file.py:Class`. Called with a `sad.terms.View` it returns a `sad.batch.Sum`."""
    weight: Weight
    """Weight of the term; 0 leaves it out."""


class Terms(Section):
    """The terms of the objective."""

    kd: Kd = Kd()
    lm: Lm = Lm()
    alm: Alm = Alm()
    layerwise: Layerwise = Layerwise()
    attention: Attention = Attention()
    contrastive: Contrastive = Contrastive()
    custom: dict[str, Custom] = Field(default={})
    """Terms of your own by name, for example mine = {term = "my_terms.py:Mine", weight = 0.1}.
    Further keys are its options.
    """

    @property
    def weights(self) -> dict[str, float]:
        """Weight by name of the terms that take part."""
        shipped = [(name, getattr(self, name)) for name in SHIPPED]
        every = {name: float(term.weight) for name, term in (*shipped, *self.custom.items())}
        return {name: weight for name, weight in every.items() if weight > 0}

    @field_validator("custom")
    @classmethod
    def _names(cls, custom: dict[str, Custom]) -> dict[str, Custom]:
        for name in custom:
            if name in cls.model_fields:
                raise ValueError(f"{name} is a term of sad's own: give yours another name")
            if not NAME.fullmatch(name):
                raise ValueError(f"a term is named in small letters, digits and _, not {name}")
        return custom

    @model_validator(mode="after")
    def _any(self) -> Terms:
        if not self.weights:
            raise ValueError("every term has weight 0: give at least one a weight")
        return self


SHIPPED = tuple(name for name in Terms.model_fields if name != "custom")
"""The names of sad's own terms."""
