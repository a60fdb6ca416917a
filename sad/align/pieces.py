"""Attention over tokens -> attention over the pieces of text that both models share."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def places(text: Int[Tensor, " boundary"]) -> Int[Tensor, " boundary"]:
    """Return the number of each boundary within its text (or row), from 0. ``text`` never falls."""
    return torch.arange(len(text), device=text.device) - torch.searchsorted(text, text)


def by_piece(
    attention: Float[Tensor, "batch length length"],
    row: Int[Tensor, " boundary"],
    position: Int[Tensor, " boundary"],
    text: Int[Tensor, " boundary"],
    columns: int,
) -> Float[Tensor, "boundary column"]:
    """Return what the boundaries' tokens attend to, by the pieces that the boundaries of their text cut it into.

    Column k holds the mass on the tokens after boundary k - 1 and up to boundary k, as this model cuts them: the same
    bytes in both models, and no mass is lost. ``columns`` is more than the boundaries of a row. In a row of several
    texts none attends to another.
    """
    batch, length, _ = attention.shape
    ends = torch.zeros(batch, length + 1, dtype=torch.int64, device=attention.device)
    ends[row, position + 1] = 1
    # boundaries before each token; pieces of an earlier text hold no mass, and those behind the last one none either
    piece = ends.cumsum(dim=1)[:, :length]
    before = places(row) - places(text)
    out = attention.new_zeros(len(row), columns)
    return out.scatter_add(1, (piece[row] - before[:, None]).clamp_min(0), attention[row, position])


def visible(text: Int[Tensor, " boundary"], columns: int) -> Bool[Tensor, "boundary column"]:
    """Return which pieces a boundary may look at: those of its text, up to itself."""
    return torch.arange(columns, device=text.device)[None] <= places(text)[:, None]
