"""What the terms over a vocabulary give row by row: a value, and its gradient at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Rows(NamedTuple):
    """Of each row the value in nats and the gradient to its logits, float32; the gradient may be the logits' memory."""

    values: Float[Tensor, " n"]
    gradient: Float[Tensor, "n vocab"]


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
