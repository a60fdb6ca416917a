"""Row-wise results of the terms over a vocabulary: a value and its gradient, computed together."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Rows(NamedTuple):
    """Of each row the value in nats and the gradient to its logits, float32; the gradient may be the logits' memory."""

    values: Float[Tensor, " n"]
    gradient: Float[Tensor, "n vocab"]


class Softmax(NamedTuple):
    """Of each row the probabilities, and the log of the sum of the exponentials of its logits."""

    q: Float[Tensor, "n vocab"]
    log_sum: Float[Tensor, "n 1"]


def softmax(logits: Float[Tensor, "n vocab"]) -> Softmax:
    """Return the softmax of each row of float32 logits, in memory of its own; a row of nothing but -inf is NaN."""
    q = torch.softmax(logits, dim=-1)
    # the likeliest token has 1 / sum, to the last bit of the sum
    return Softmax(q, logits.amax(dim=-1, keepdim=True) - q.amax(dim=-1, keepdim=True).log_())


def summed(logits: Float[Tensor, "n vocab"], rows: Rows) -> Float[Tensor, ""]:
    """Return the sum of the values, with their gradient to ``logits``, whose type it takes."""
    total: Tensor = _Summed.apply(logits, rows)  # type: ignore[no-untyped-call]
    return total


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, rows: Rows) -> Tensor:  # noqa: ANN401 - a context without a public type
        ctx.save_for_backward(rows.gradient.to(logits.dtype))
        return rows.values.sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None
