"""KD, LM and chunk likelihood in one pass over the vocabulary; the logits of all rows never exist at once.

For a few rows at a time: the student's logits, the value of each term, and at once its gradient, which is multiplied
into the gradients of the states and of the head. Then the block is freed. Backward only scales.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import ALM, KD, LM
from sad.head import fused
from sad.head.blocks import BOTH, FUSED, run
from sad.head.job import Chunks, Compared, Job
from sad.head.linear import Head
from sad.head.products import Products

__all__ = ["Chunks", "Compared", "Vocabulary", "common_factor", "vocabulary_pass"]

PROPORTION = 1e-4
"""How far, relative to the larger, the terms' factors may be from the proportion that was announced."""
ONE = 1e-6
"""How far from 1 a factor may be and still count as 1, since it is a product in float32."""


@dataclass(slots=True, eq=False)
class Vocabulary:
    """Summed values with gradient, ``lm`` over all rows and ``kd`` over the compared ones; ``signals`` have none."""

    kd: Float[Tensor, ""]
    lm: Float[Tensor, ""]
    signals: dict[str, Float[Tensor, ""]] = field(default_factory=dict)
    alm: Float[Tensor, ""] = field(default_factory=lambda: torch.zeros(()))


def vocabulary_pass(
    hidden: Float[Tensor, "target width"],
    head: Head,
    token: Int[Tensor, " target"] | None,
    compared: Compared | None = None,
    chunks: Chunks | None = None,
    *,
    scales: Mapping[str, float] | None = None,
    measure: bool = False,
) -> Vocabulary:
    """Return the terms' sums for the states before each label.

    Without ``token`` there is no LM, without ``compared`` no KD; what is left out is 0. LM takes every row of the head;
    ``chunks`` need ``token``.
    ``scales`` tells what the terms will be multiplied by, up to one common factor: then one gradient is formed for
    all, at the cost of one. Other factors are an error in backward (RuntimeError; on a GPU the gradient is NaN).
    Without ``scales`` any combination is right. ``measure`` asks for the signals (:mod:`sad.head.signals`), summed over
    the compared rows, at temperature 1. An empty input sums to zero and stays in the graph.
    """
    announced = None if scales is None else {name: float(scales.get(name, 0.0)) for name in (KD, LM, ALM)}
    job, graph = Job(head, token, compared, chunks, announced, measure), torch.is_grad_enabled()
    kd, lm, alm = _Pass.apply(hidden, head.weight, head.bias, job, graph)  # type: ignore[no-untyped-call]
    return Vocabulary(kd, lm, job.signals, alm)


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - a context without a public type
        hidden: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        job: Job,
        graph: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        first, second, third = (graph and needed for needed in ctx.needs_input_grad[:3])
        wanted = (first, second, third)
        names = () if not any(wanted) else (BOTH,) if job.scales is not None else job.terms
        device = hidden.device.type
        operands = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        with torch.autocast(device, enabled=False):
            products = Products(hidden, job.head, wanted, names, operands)
            values = run(job, products)
        ctx.scales, ctx.wanted, ctx.counts = job.scales, wanted, {name: len(s) for name, s in products.sums.items()}
        ctx.types = [None if x is None else x.dtype for x in (hidden, weight, bias)]
        ctx.save_for_backward(*(each for sums in products.sums.values() for each in sums))
        return values[KD], values[LM], values[ALM]

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Any:  # noqa: ANN401
        factors = dict(zip((KD, LM, ALM), given, strict=True))
        if ctx.scales is not None:
            factors = {BOTH: common_factor(factors, ctx.scales)}
        saved, parts = iter(ctx.saved_tensors), list[list[Tensor]]()
        types = [t for wanted, t in zip(ctx.wanted, ctx.types, strict=True) if wanted]
        # in place, unless they are needed again or added up: they are as large as the head
        once = len(ctx.counts) == 1 and not torch._C._autograd._get_current_graph_task_keep_graph()
        for name, count in ctx.counts.items():
            parts.append([_scaled(next(saved), factors[name], t, once=once) for t in types[:count]])
        found = (functools.reduce(torch.add, some) for some in zip(*parts, strict=True))
        grads = [next(found).to(t) if wanted else None for wanted, t in zip(ctx.wanted, ctx.types, strict=True)]
        return *grads, None, None


def _scaled(sums: Tensor, factor: Tensor, dtype: torch.dtype, *, once: bool) -> Tensor:
    """Sums times a factor: in ``dtype`` and in their own memory if they are used ``once``, else anew in float32."""
    if factor.device.type == "cpu" and abs(float(factor) - 1.0) <= ONE:
        return sums
    if not once:
        return sums * factor
    if sums.device.type in FUSED and fused.installed():
        return fused.scaled(sums, factor, dtype, ONE)
    return sums.mul_(factor)


def common_factor(factors: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
    """Return f where each term's factor is f times its scale. Raises RuntimeError where there is none; on a GPU the
    result is then NaN, as nothing there may wait for the host.
    """
    largest = max(scales, key=lambda name: abs(scales[name]))
    common = factors[largest] / scales[largest] if scales[largest] else torch.zeros_like(factors[largest])
    off = [(factors[n] - common * scales[n]).abs() for n in factors]
    # a factor that is not finite is the caller's, and must show
    finite = torch.stack(list(factors.values())).isfinite().all()
    fits = finite & (torch.stack(off).max() <= PROPORTION * factors[largest].abs())
    if common.device.type == "cpu" and finite:
        if not fits:
            told = ", ".join(f"{n} {float(factors[n]):g}" for n in factors)
            raise RuntimeError(f"the terms were to be multiplied in the proportion {dict(scales)}, and were by {told}")
        return common
    return torch.where(fits, common, torch.nan)
