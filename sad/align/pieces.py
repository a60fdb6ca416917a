"""Attention over tokens -> attention over the pieces of text that both models share."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def places(row: Int[Tensor, " boundary"]) -> Int[Tensor, " boundary"]:
    """Return the number of each boundary within its row, from 0. ``row`` never falls."""
    return torch.arange(len(row), device=row.device) - torch.searchsorted(row, row)


def by_piece(
    attention: Float[Tensor, "batch length length"],
    row: Int[Tensor, " boundary"],
    position: Int[Tensor, " boundary"],
    columns: int,
) -> Float[Tensor, "boundary column"]:
    """Return what the boundaries' tokens attend to, by the pieces that the boundaries of their row cut it into.

    Column k holds the mass on the tokens after boundary k - 1 and up to boundary k, as this model cuts them: the same
    bytes in both models, and no mass is lost. ``columns`` is at least the most boundaries of a row.
    """
    batch, length, _ = attention.shape
    ends = torch.zeros(batch, length + 1, dtype=torch.int64, device=attention.device)
    ends[row, position + 1] = 1
    # boundaries before each token; those behind the last one hold no mass: attention is causal
    piece = ends.cumsum(dim=1)[:, :length].clamp_max(columns - 1)
    out = attention.new_zeros(len(row), columns)
    return out.scatter_add(1, piece[row], attention[row, position])


def visible(row: Int[Tensor, " boundary"], columns: int) -> Bool[Tensor, "boundary column"]:
    """Return which pieces a boundary may look at: those of its row, up to itself."""
    return torch.arange(columns, device=row.device)[None] <= places(row)[:, None]
