"""Language-model loss: cross-entropy against the labels."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Sum


def cross_entropy(logits: Float[Tensor, "target vocab"], token: Int[Tensor, " target"]) -> Sum:
    """Return the summed negative log-likelihood in nats, computed in float32; an empty input sums to zero."""
    return Sum(F.cross_entropy(logits.float(), token, reduction="sum"), int(token.shape[0]))
