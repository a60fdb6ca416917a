"""The chunk of text that a label belongs to: chunks lie between two common boundaries, or after the last."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Targets


def chunk_of(
    targets: Targets, row: Int[Tensor, " boundary"], position: Int[Tensor, " boundary"], length: int
) -> Int[Tensor, " target"]:
    """Return for each label the number of the boundary after which its chunk begins; -1 before the first of its row.

    ``position`` is that of the boundaries in the same model's reading, of at most ``length`` tokens; both lists rise.
    A boundary begins one chunk, which ends with the next boundary of its row or with the row: as many chunks as
    boundaries, and in both models each is made of the same bytes.
    """
    starts, labels = row * length + position, targets.row * length + targets.position
    found = torch.searchsorted(starts, labels, right=True) - 1
    # -1 asks for the last row, which is no matter
    known = (found >= 0) & (row[found] == targets.row) if len(row) else found >= 0
    return torch.where(known, found, -1)


def chunk_sums(values: Float[Tensor, " target"], chunk: Int[Tensor, " target"], chunks: int) -> Float[Tensor, " chunk"]:
    """Add up the labels' values of each chunk."""
    # what belongs to none goes to a place before the first
    return values.new_zeros(1 + chunks).index_add(0, 1 + chunk, values)[1:]
