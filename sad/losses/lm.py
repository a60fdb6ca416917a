"""Language-model loss: cross-entropy against the labels."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Sum
from sad.rows import Rows, Softmax, softmax, summed


def rows(logits: Float[Tensor, "n vocab"], token: Int[Tensor, " n"], soft: Softmax | None = None) -> Rows:
    """Return each row's negative log-likelihood of its token in nats, and its gradient; float32 in and out.

    ``soft`` is the logits' softmax where that is known; the gradient then takes its memory. The logits stay.
    """
    soft = soft or softmax(logits)
    label = token[:, None]
    values = (soft.log_sum - logits.gather(-1, label)).squeeze(-1)
    return Rows(values, soft.q.scatter_add_(-1, label, torch.full_like(soft.log_sum, -1.0)))


def cross_entropy(logits: Float[Tensor, "target vocab"], token: Int[Tensor, " target"]) -> Sum:
    """Return the summed negative log-likelihood in nats, computed in float32; an empty input sums to zero."""
    return Sum(summed(logits, rows(logits.detach().float(), token)), int(token.shape[0]))
