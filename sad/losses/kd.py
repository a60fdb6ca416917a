"""Knowledge distillation: KL from the teacher's next-token distribution to the student's."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sad.batch import Sum


def forward_kl(
    student_logits: Float[Tensor, "boundary vocab"],
    teacher_log_probs: Float[Tensor, "boundary vocab"],
    temperature: float = 1.0,
) -> Sum:
    """Return the sum over boundaries of KL(teacher || student), in nats, at ``temperature``.

    ``teacher_log_probs`` are normalised, already softened by the same temperature, and may be -inf where
    the teacher gives no mass. The value is the plain KL; its gradient is multiplied by temperature squared,
    which keeps it of one size for every temperature (Hinton et al. 2015, arXiv 1503.02531, section 2).
    """
    log_q = torch.log_softmax(student_logits.float() / temperature, dim=-1)
    log_p = teacher_log_probs.detach().float()
    p = log_p.exp()
    # where p is 0 the product is 0, also against a student logit of -inf; a NaN stays one, and is seen
    total = torch.where(p == 0, 0.0, p * (log_p - log_q)).sum()
    return Sum(scale_gradient(total, temperature**2), int(student_logits.shape[0]))


def scale_gradient(value: Float[Tensor, ""], factor: float) -> Float[Tensor, ""]:
    """Return ``value`` unchanged to the last bit, infinities too, with its gradient multiplied by ``factor``."""
    scaled: Tensor = _ScaledGradient.apply(value, factor)  # type: ignore[no-untyped-call]
    return scaled


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:  # noqa: ANN401 - a context without a public type
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return ctx.factor * gradients[0], None
