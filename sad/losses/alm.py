"""Chunk likelihood (ALM): between two common boundaries both models must find the text as likely."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sad.batch import Sum

RESOLUTION = 1e-6
"""Nats. No float32 log-softmax tells a likelihood from 1 more finely, so both sides are taken for as much less."""


def chunk_divergence(
    student: Float[Tensor, " chunk"], teacher: Float[Tensor, " chunk"], temperature: float = 100.0
) -> Sum:
    """Return the summed divergence of the chunks' likelihoods, in nats, float32 (Minixhofer et al., arXiv 2503.20083).

    ``student`` and ``teacher`` are log-likelihoods: for each chunk the sum of the log-probabilities of its tokens, as
    either model cuts it. With p = exp(teacher / temperature) and q = exp(student / temperature) a chunk costs
    ``temperature * KL(Bernoulli(p) || Bernoulli(q))``: the binary cross-entropy minus the teacher's binary entropy, a
    constant, so it is 0 where both agree. The factor keeps value and gradient of one size for every temperature; as
    it grows they tend to ``t log(t / s) - t + s`` of the two surprisals. The teacher gets no gradient.
    """
    total: Tensor = _Chunks.apply(student, teacher, temperature)  # type: ignore[no-untyped-call]
    return Sum(total, int(student.shape[0]))


@torch.no_grad()
def rows(
    student: Float[Tensor, " chunk"], teacher: Float[Tensor, " chunk"], temperature: float
) -> tuple[Float[Tensor, " chunk"], Float[Tensor, " chunk"]]:
    """Return each chunk's divergence in nats and its derivative by the student's log-likelihood, both float32.

    A likelihood of 0 or 1 gives no NaN. The value is infinite only where the student alone says 0.
    """
    # surprisals over the temperature: positive, so that log(1 - exp(-x)) is finite
    x, y = ((RESOLUTION - side.float().clamp_max(0.0)) / temperature for side in (teacher, student))
    p, q = torch.exp(-x), torch.exp(-y)
    not_p, not_q = -torch.expm1(-x), -torch.expm1(-y)
    gap = torch.where(x == y, 0.0, y - x)
    happens = torch.where(p == 0, 0.0, p * gap)
    fails = not_p * (_log_complement(x) - _log_complement(y))
    # q - p without cancellation; both are 0 where the gap is
    rises = torch.sign(gap) * torch.maximum(p, q) * torch.expm1(-gap.abs())
    return temperature * (happens + fails), rises / not_q


def _log_complement(x: Float[Tensor, " chunk"]) -> Float[Tensor, " chunk"]:
    """log(1 - exp(-x)) for x > 0, by the form that is exact on its side of log 2 (Maechler 2012)."""
    return torch.where(x < 0.6931, torch.log(-torch.expm1(-x)), torch.log1p(-torch.exp(-x)))


class _Chunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:  # noqa: ANN401
        values, gradient = rows(student, teacher, temperature)
        ctx.save_for_backward(gradient.to(student.dtype))
        return values.sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return gradients[0] * ctx.saved_tensors[0], None, None
