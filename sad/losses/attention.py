"""Attention term: what a text's places are to one another must be alike in both models."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sad.batch import Sum

ROWS = 256
"""Places whose relations are held at once."""
FLOOR = 1e-6
"""Mass added to every place that a map's row may look at: a window or an underflow gives 0 where another model looks,
and the divergence would be infinite.
"""


def relation_divergence(
    student: Float[Tensor, "boundary width"],
    teacher: Float[Tensor, "boundary teacher_width"],
    text: Int[Tensor, " boundary"],
    heads: int,
    longest: int,
) -> Sum:
    """Return the sum over boundaries of the KL from the teacher's relations to the student's, in nats, float32.

    ``student`` and ``teacher`` are queries, or keys, or values, of all heads side by side. Each is cut anew into
    ``heads`` relation heads, whatever heads the models have; a boundary's relation is the softmax of its scaled
    products with the boundaries of the same text up to itself (Wang et al. 2021, MiniLMv2, arXiv 2012.15828, section
    3.1; here causal), averaged over the relation heads. Widths may differ: no map between them is learned. A row of
    the teacher cannot cost more than the student's own row is sharp, so no massive activation owns the sum.

    ``text`` numbers the text of each boundary and never falls; ``longest`` is a bound on the boundaries of a text that
    the host knows. ``ROWS`` boundaries are compared at a time and the gradient is
    formed at once, so memory does not grow with the square of the length. The teacher gets no gradient. Raises
    ValueError where ``heads`` does not divide both widths.
    """
    if student.shape[1] % heads or teacher.shape[1] % heads:
        raise ValueError(f"{heads} relation heads do not divide widths of {student.shape[1]} and {teacher.shape[1]}")
    total: Tensor = _Relations.apply(student, teacher, text, heads, longest)  # type: ignore[no-untyped-call]
    return Sum(total, int(student.shape[0]))


class _Relations(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, text: Tensor, heads: int, longest: int) -> Tensor:  # noqa: ANN401
        with torch.autocast(student.device.type, enabled=False):
            mine, theirs = (_headed(of, heads) for of in (student, teacher))
            total, gradient = mine.new_zeros(()), torch.zeros_like(mine)
            for first in range(0, len(text), ROWS):
                rows = slice(first, min(first + ROWS, len(text)))
                seen = slice(max(0, first - longest + 1), rows.stop)
                hidden = _hidden(text, rows, seen)
                q, p = (_relations(of, rows, seen, hidden) for of in (mine, theirs))
                total += torch.where(p == -torch.inf, 0.0, p.exp() * (p - q)).sum() / heads
                slope = (q.exp() - p.exp()) / (heads * math.sqrt(mine.shape[-1]))
                gradient[:, rows] += slope @ mine[:, seen]
                gradient[:, seen] += slope.mT @ mine[:, rows]
        ctx.save_for_backward(gradient.transpose(0, 1).reshape(student.shape).to(student.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:  # noqa: ANN401
        return gradients[0] * ctx.saved_tensors[0], None, None, None, None


def _headed(states: Float[Tensor, "boundary width"], heads: int) -> Float[Tensor, "head boundary part"]:
    rows, width = states.shape
    return states.float().reshape(rows, heads, width // heads).transpose(0, 1)


def _hidden(text: Int[Tensor, " boundary"], rows: slice, seen: slice) -> Bool[Tensor, "row column"]:
    """Which of the boundaries ``seen`` a row may not look at: those of another text, and those after it."""
    place = torch.arange(len(text), device=text.device)
    return (text[rows, None] != text[None, seen]) | (place[rows, None] < place[None, seen])


def _relations(
    states: Float[Tensor, "head boundary part"], rows: slice, seen: slice, hidden: Bool[Tensor, "row column"]
) -> Float[Tensor, "head row column"]:
    """Log-probabilities; -inf where hidden."""
    products = states[:, rows] @ states[:, seen].mT / math.sqrt(states.shape[-1])
    return torch.log_softmax(products.masked_fill(hidden, -torch.inf), dim=-1)


def map_divergence(
    student: Float[Tensor, "boundary column"],
    teacher: Float[Tensor, "boundary column"],
    visible: Bool[Tensor, "boundary column"],
) -> Sum:
    """Return the sum over boundaries of the KL from the teacher's attention to the student's, in nats, float32.

    A row is the attention of one boundary, averaged over the heads, over the pieces of its text: column k is the mass
    on the tokens that end with boundary k of the text, as either model cuts them. ``visible`` marks the pieces up to
    the boundary itself. ``FLOOR`` is added to each of them, so a row that one model's window hides stays finite. The
    teacher gets no gradient.
    """
    shown = visible.float()
    q, p = (_floored(of.float(), shown) for of in (student, teacher.detach()))
    # 1 outside the text: its logarithm is 0, and so is its gradient
    logs = torch.where(visible, p, 1.0).log() - torch.where(visible, q, 1.0).log()
    return Sum((p * logs).sum(), int(student.shape[0]))


def _floored(mass: Float[Tensor, "boundary column"], shown: Float[Tensor, "boundary column"]) -> Tensor:
    raised = (mass + FLOOR) * shown
    return raised / raised.sum(dim=-1, keepdim=True)
