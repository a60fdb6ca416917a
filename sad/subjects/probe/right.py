"""Right implementations of several styles: what a check must let pass.

None is the code that trains. Each is written as people write it, with the contract that it keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Reduction, Squared, Takes

TOP = 4
"""How many of the teacher's tokens the truncated divergence keeps apart."""
CHUNK, BLOCK = 3, 16
"""Rows of a chunk, tokens of a block."""
LABELS, TEMPERATURE, BETA, COUNT = Takes.LABELS, Takes.TEMPERATURE, Takes.BETA, Takes.COUNT


def logs(given: Given) -> tuple[Tensor, Tensor]:
    """Student's and teacher's log-probabilities of every row, float32 (float64 stays), [batch x length, vocab]."""
    both = (given.student_logits, given.teacher_logits.detach())
    flat = [z.reshape(-1, z.shape[-1]) for z in both]
    log_q, log_p = (
        torch.log_softmax((z if z.dtype == torch.float64 else z.float()) / given.temperature, dim=-1) for z in flat
    )
    return log_q, log_p


def counting(given: Given) -> Tensor:
    """Which rows count, [batch x length]."""
    if given.labels is None:
        return torch.ones(given.student_logits.shape[:2], dtype=torch.bool).reshape(-1)
    return given.labels.reshape(-1) != IGNORED


def kl(log_a: Tensor, log_b: Tensor) -> Tensor:
    """KL(a || b) of every row; a token without mass in a adds nothing, and a NaN is left as it is."""
    a = log_a.exp()
    return torch.where(a == 0, 0.0, a * (log_a - log_b)).sum(dim=-1)


def _mean(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = logs(given)
    return kl(log_p[rows], log_q[rows]).sum() / rows.sum().clamp_min(1)


def _given_count(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = logs(given)
    count = int(rows.sum()) if given.count is None else given.count
    return given.temperature**2 * kl(log_p[rows], log_q[rows]).sum() / max(1, count)


def _cross_entropy(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = logs(given)
    return -(log_p.exp() * log_q)[rows].sum() / rows.sum().clamp_min(1)


def _torch(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = logs(given)
    total = F.kl_div(log_q[rows], log_p[rows], reduction="sum", log_target=True)
    return given.temperature**2 * total / max(1, int(rows.sum()))


def _masked(given: Given) -> Tensor:
    log_q, log_p = logs(given)
    mask = counting(given).float()
    return (F.kl_div(log_q, log_p.exp(), reduction="none").sum(dim=-1) * mask).sum() / mask.sum().clamp(min=1.0)


def _chunked(given: Given) -> Tensor:
    rows = counting(given)
    student, teacher = (z.reshape(-1, z.shape[-1])[rows] for z in (given.student_logits, given.teacher_logits))
    total = student.new_zeros(())
    for mine, theirs in zip(torch.split(student, CHUNK), torch.split(teacher, CHUNK), strict=True):
        log_q, log_p = logs(Given(mine[None], theirs[None], temperature=given.temperature))
        total = total + kl(log_p, log_q).sum()
    return total / max(1, int(rows.sum()) if given.count is None else given.count)


class _InForward(torch.autograd.Function):
    """Forms the gradient with the value, the log-sum-exp a block of tokens at a time."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:  # noqa: ANN401
        log_q, log_p = (z.float() / temperature - _blocked(z.float() / temperature) for z in (student, teacher))
        ctx.save_for_backward(((log_q.exp() - log_p.exp()) / temperature).to(student.dtype))
        return kl(log_p, log_q).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None, None


def _blocked(z: Tensor) -> Tensor:
    parts = [block.logsumexp(dim=-1, keepdim=True) for block in torch.split(z, BLOCK, dim=-1)]
    return torch.cat(parts, dim=-1).logsumexp(dim=-1, keepdim=True)


def _in_forward(given: Given) -> Tensor:
    rows = counting(given)
    student, teacher = (z.reshape(-1, z.shape[-1])[rows] for z in (given.student_logits, given.teacher_logits))
    total: Tensor = _InForward.apply(student, teacher, given.temperature)  # type: ignore[no-untyped-call]
    return total / max(1, int(rows.sum()))


def _jsd(given: Given) -> Tensor:
    rows = counting(given)
    # the mixture of two tokens that cannot come has no gradient in logarithms
    log_q, log_p = (z[rows].clamp_min(-1e4) for z in logs(given))
    if given.beta in (0, 1):
        each = kl(log_q, log_p) if given.beta else kl(log_p, log_q)
    else:
        beta = torch.tensor(given.beta)
        mixture = torch.logaddexp(log_p + beta.log(), log_q + (1 - beta).log())
        each = beta * kl(log_p, mixture) + (1 - beta) * kl(log_q, mixture)
    return each.sum() / rows.sum().clamp_min(1)


def _reverse(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = logs(given)
    return (log_q.exp() * (log_q - log_p))[rows].sum() / rows.sum().clamp_min(1)


def _shifted(given: Given) -> Tensor:
    mine, theirs = given.student_logits[:, :-1], given.teacher_logits[:, :-1]
    return _mean(Given(mine, theirs, None if given.labels is None else given.labels[:, 1:], given.temperature))


def _everywhere(given: Given) -> Tensor:
    log_q, log_p = logs(given)
    return F.kl_div(log_q, log_p.exp(), reduction="batchmean")


def _sum(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = logs(given)
    return kl(log_p[rows], log_q[rows]).sum()


def _sequences(given: Given) -> Tensor:
    return _sum(given) / given.student_logits.shape[0]


def _in_float64(given: Given) -> Tensor:
    twice = (given.student_logits.double(), given.teacher_logits.double())
    return _mean(Given(*twice, given.labels, given.temperature)).float()


def _truncated(given: Given) -> Tensor:
    rows = counting(given)
    log_q, log_p = (z[rows] for z in logs(given))
    kept = log_p.topk(min(TOP, log_p.shape[-1] - 1), dim=-1).indices
    return kl(_bucket(log_p, kept), _bucket(log_q, kept)).sum() / rows.sum().clamp_min(1)


def _bucket(log: Tensor, kept: Tensor) -> Tensor:
    rest = log.scatter(-1, kept, -torch.inf).logsumexp(dim=-1, keepdim=True)
    return torch.cat([log.gather(-1, kept), rest], dim=-1)


def truncated_by_the_book(student: Tensor, teacher: Tensor, given: Given) -> Tensor:
    """KL over the teacher's ``TOP`` tokens and one bucket for all others, of every row."""
    q, p = (torch.softmax(z / given.temperature, dim=-1) for z in (student, teacher))
    kept = p.topk(min(TOP, p.shape[-1] - 1), dim=-1).indices
    other = torch.ones_like(p).scatter(-1, kept, 0.0)
    q_other, p_other = ((x * other).sum(dim=-1) for x in (q, p))
    top = (p.gather(-1, kept) * (p.gather(-1, kept) / q.gather(-1, kept)).log()).sum(dim=-1)
    total: Tensor = top + torch.special.xlogy(p_other, p_other / q_other)
    return total


def _mixture_of_logarithms(given: Given) -> Tensor:
    """In the dtype of the logits, attached to the teacher, with torch's KL in its order of arguments."""
    log_q, log_p = (
        torch.log_softmax(z / given.temperature, dim=-1) for z in (given.student_logits, given.teacher_logits)
    )
    if given.beta in (0, 1):
        each = F.kl_div(*((log_p, log_q) if given.beta else (log_q, log_p)), reduction="none", log_target=True)
    else:
        beta = torch.tensor(given.beta, dtype=log_q.dtype)
        mixture = torch.stack([log_q + torch.log1p(-beta), log_p + beta.log()]).logsumexp(dim=0)
        both = [F.kl_div(mixture, log, reduction="none", log_target=True) for log in (log_p, log_q)]
        each = beta * both[0] + (1 - beta) * both[1]
    rows = counting(given).reshape(each.shape[:2])
    return each[rows].sum() / rows.sum().clamp_min(1)


def _soft_targets(given: Given) -> Tensor:
    """By torch's cross-entropy with probabilities as target; it cannot do without labels."""
    assert given.labels is not None, "labels say which rows count"
    target = torch.softmax(given.teacher_logits.flatten(0, 1), dim=-1)
    each = F.cross_entropy(given.student_logits.flatten(0, 1), target, reduction="none")
    mask = (given.labels.flatten() != IGNORED).to(each.dtype)
    return (each * mask).sum() / mask.sum().clamp(min=1)


def _of(loss: Callable[[Given], Tensor], *takes: Takes, **contract: Any) -> Divergence:  # noqa: ANN401
    return Divergence(Contract(takes=frozenset(takes), **contract), loss)


RIGHT: dict[str, Divergence] = {
    "mean over tokens": _of(_mean, LABELS, TEMPERATURE, strict=True),
    "sum over a given count": _of(
        _given_count, LABELS, TEMPERATURE, COUNT, reduction=Reduction.COUNT, squared=Squared.BOTH, strict=True
    ),
    "cross-entropy": _of(_cross_entropy, LABELS, TEMPERATURE, entropy=False),
    "torch's KL of logarithms": _of(_torch, LABELS, TEMPERATURE, squared=Squared.BOTH),
    "masked by a product": _of(_masked, LABELS, TEMPERATURE),
    "chunked": Divergence(
        Contract(reduction=Reduction.COUNT, takes=frozenset({LABELS, TEMPERATURE, COUNT}), strict=True), _chunked
    ),
    "gradient in the forward pass": _of(_in_forward, LABELS, TEMPERATURE),
    "generalised JSD": _of(_jsd, LABELS, TEMPERATURE, BETA, kind=Kind.JSD),
    "reverse KL": _of(_reverse, LABELS, kind=Kind.REVERSE_KL),
    "shifted": _of(_shifted, LABELS, TEMPERATURE, shift=True, strict=True),
    "everywhere": _of(_everywhere, TEMPERATURE),
    "sum": _of(_sum, LABELS, TEMPERATURE, reduction=Reduction.SUM, strict=True),
    "by sequences": _of(_sequences, LABELS, reduction=Reduction.BATCH, strict=True),
    "in float64": _of(_in_float64, LABELS, TEMPERATURE, strict=True),
    "JSD of logarithms": _of(_mixture_of_logarithms, LABELS, TEMPERATURE, BETA, kind=Kind.JSD),
    "soft targets": _of(_soft_targets, LABELS, entropy=False),
    "top-k and a bucket": Divergence(
        Contract(Kind.OTHER, takes=frozenset({LABELS, TEMPERATURE})), _truncated, truncated_by_the_book
    ),
}
"""Right implementations, by what they do."""
