"""Log-likelihood of each label, without an autograd graph and without the logits of all rows at once."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.head.linear import Head

BLOCK = 2**23
"""Numbers of a block of logits."""


@torch.no_grad()
def log_likelihood(
    hidden: Float[Tensor, "target width"], head: Head, token: Int[Tensor, " target"]
) -> Float[Tensor, " target"]:
    """Return the log-probability of each label in nats, float32, over every row of the head: one product a row."""
    columns = hidden.shape[1] if head.weight is None else head.weight.shape[0]
    size, found = portion(columns), [hidden.new_zeros(0, dtype=torch.float32)]
    for start in range(0, len(token), size):
        logits = head.logits(hidden[start : start + size])
        chosen = logits.gather(-1, token[start : start + size, None]).squeeze(-1)
        found.append(chosen - logits.logsumexp(dim=-1))
    return torch.cat(found)


def portion(columns: int) -> int:
    """Return how many rows of so many columns are a block."""
    return max(1, BLOCK // max(1, columns))
