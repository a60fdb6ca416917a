"""What a divergence should give: value and gradient in float64, in the plainest form, each by its own formula."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sad.subjects.divergence import Contract, Divergence, Documented, Given, Kind, Reduction, Squared, counted


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The value in the contract's unit, its gradient to the student's logits in float64, and which rows count."""

    value: float
    gradient: Float[Tensor, "batch length vocab"]
    rows: Bool[Tensor, "batch length"]


def right(divergence: Divergence, given: Given) -> Reference:
    """Return what ``divergence`` should give. Raises ValueError where there is no formula (see ``known``)."""
    return reference(divergence.contract, given, divergence.documented)


def reference(contract: Contract, given: Given, documented: Documented | None = None) -> Reference:
    """Return value and gradient of what the contract claims on this call; over no row at all both are zero.

    Half precision is read exactly, so that the reference is that of the numbers that were given.
    Raises ValueError for ``Kind.OTHER`` without a documented formula.
    """
    student, teacher = given.student_logits.detach().double(), given.teacher_logits.detach().double()
    if documented is None:
        losses, slopes = _row_losses(contract, given, student, teacher)
    else:
        losses, slopes = _by_autograd(documented, given, student, teacher)
    rows = counted(contract, given)
    divided_by = divisor(contract, given)
    factor = given.temperature**2
    value = float(losses[rows].sum()) / divided_by
    gradient = torch.where(rows[..., None], slopes, 0.0) / divided_by
    on_value = factor if contract.squared == Squared.BOTH else 1.0
    on_gradient = 1.0 if contract.squared == Squared.NOWHERE else factor
    return Reference(on_value * value, on_gradient * gradient, rows)


def _row_losses(contract: Contract, given: Given, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of every row [batch, length], and its gradient to the student's logits [batch, length, vocab]."""
    temperature, beta = given.temperature, given.beta
    log_q, log_p = (torch.log_softmax(logits / temperature, dim=-1) for logits in (student, teacher))
    kind = contract.kind
    if kind == Kind.JSD and beta in (0, 1):
        kind = Kind.REVERSE_KL if beta else Kind.FORWARD_KL
    if kind == Kind.FORWARD_KL:
        p = log_p.exp()
        against = torch.zeros_like(log_q) if not contract.entropy else log_p
        return _mean(p, against, log_q), (log_q.exp() - p) / temperature
    if kind == Kind.REVERSE_KL:
        return _mean(log_q.exp(), log_q, log_p), _through_softmax(log_q, _minus(log_q, log_p)) / temperature
    if kind == Kind.JSD:
        mixture = (beta * log_p.exp() + (1 - beta) * log_q.exp()).log()
        losses = beta * _mean(log_p.exp(), log_p, mixture) + (1 - beta) * _mean(log_q.exp(), log_q, mixture)
        return losses, _through_softmax(log_q, (1 - beta) * _minus(log_q, mixture)) / temperature
    raise ValueError(f"there is no formula for {kind.value!r}")


def _by_autograd(documented: Documented, given: Given, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    student.requires_grad_()
    with torch.enable_grad():
        losses = documented(student, teacher, given)
        (slopes,) = torch.autograd.grad(losses.sum(), student)
    return losses.detach(), slopes


def _mean(weights: Tensor, high: Tensor, low: Tensor) -> Tensor:
    """The mean of ``high - low`` under ``weights``, where a token without weight adds nothing, whatever it has."""
    return torch.where(weights > 0, weights * (high - low), 0.0).sum(dim=-1)


def _minus(log_q: Tensor, other: Tensor) -> Tensor:
    """``log_q - other`` where the student gives mass, 0 elsewhere."""
    return torch.where(log_q.exp() > 0, log_q - other, 0.0)


def _through_softmax(log_q: Tensor, slope: Tensor) -> Tensor:
    """From the gradient to the probabilities q to the one to their logits: q (g - sum of q g)."""
    q = log_q.exp()
    return q * (slope - (q * slope).sum(dim=-1, keepdim=True))


def divisor(contract: Contract, given: Given) -> float:
    """Return what the contract divides the sum over rows by; 1 where that is nothing."""
    batch, length = given.student_logits.shape[:2]
    counting = int(counted(contract, given).sum())
    by = {
        Reduction.MEAN: counting,
        Reduction.COUNT: counting if given.count is None else given.count,
        Reduction.SUM: 1,
        Reduction.BATCH: batch,
        Reduction.ROWS: batch * (length - contract.shift),
    }
    return float(max(1, by[contract.reduction]))
