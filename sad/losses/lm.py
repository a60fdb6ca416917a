"""Language-model loss: cross-entropy against the labels."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Sum
from sad.rows import Rows, summed


def rows(logits: Float[Tensor, "n vocab"], token: Int[Tensor, " n"]) -> Rows:
    """Return each row's negative log-likelihood of its token in nats, and its gradient; float32, the logits stay."""
    log_q = torch.log_softmax(logits, dim=-1)
    values = -log_q.gather(-1, token[:, None]).squeeze(-1)
    gradient = log_q.exp_()
    gradient.scatter_add_(-1, token[:, None], torch.full_like(gradient[:, :1], -1.0))
    return Rows(values, gradient)


def cross_entropy(logits: Float[Tensor, "target vocab"], token: Int[Tensor, " target"]) -> Sum:
    """Return the summed negative log-likelihood in nats, computed in float32; an empty input sums to zero."""
    return Sum(summed(logits, rows(logits.detach().float(), token)), int(token.shape[0]))
