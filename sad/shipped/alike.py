"""A batch of texts that teacher and student read as the same tokens, for the subjects that compare at labels alone."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from sad.batch import Batch, Boundaries, Targets, Tokens


def read_alike(tokens: Tokens, row: Int[Tensor, " target"], position: Int[Tensor, " target"]) -> Batch:
    """Return the batch whose labels stand behind (``row``, ``position``), each a common boundary and a byte."""
    targets = Targets(row, position, tokens.input_ids[row, position + 1])
    return Batch(
        student=tokens,
        teacher=tokens,
        targets=targets,
        teacher_targets=targets,
        boundaries=Boundaries(row, position, position, torch.arange(len(row))),
        byte_count=len(row),
    )
