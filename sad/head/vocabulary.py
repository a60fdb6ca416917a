"""KD, LM and chunk likelihood in one pass over the vocabulary; nobody holds the logits of all rows.

A few rows at a time: the student's logits, the value of each term, and at once its gradient, which is multiplied into
the gradients of the states and of the head. Then the block is forgotten. Backward only scales.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import ALM, KD, LM
from sad.head import signals
from sad.head.linear import Head
from sad.head.target import Target
from sad.losses import kd, lm
from sad.losses.kd import Divergence
from sad.rows import Rows

BLOCK = 2**25
"""Numbers of a block of logits."""
PROPORTION = 1e-4
"""How far, relative to the larger, the terms' factors may be from the proportion that was announced."""

RowWeight = Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]]
"""From the KD values of some rows, in nats, to their weights; both without a gradient."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The rows that KD compares: row ``at[k]`` of the states with row ``k`` of ``target``.

    ``tokens`` is the number of the student's real tokens: rows of the head beyond it are padding and are not compared.
    """

    target: Target
    at: Int[Tensor, " boundary"]
    tokens: int
    divergence: Divergence = field(default_factory=Divergence)
    row_weight: RowWeight | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """The chunk likelihood, computed before (:mod:`sad.losses.alm`): its summed ``value``, and for each row minus its
    derivative by the label's log-likelihood. Its gradient is that of LM, each row times its ``weight``.
    """

    value: Float[Tensor, ""]
    weight: Float[Tensor, " target"]


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
    both, at the cost of one. Other factors are an error in backward (RuntimeError; on a GPU the gradient is NaN).
    Without ``scales`` any combination is right. ``measure`` asks for the signals (:mod:`sad.head.signals`), summed over
    the compared rows, at temperature 1. An empty input sums to zero and stays in the graph.
    """
    announced = None if scales is None else {name: float(scales.get(name, 0.0)) for name in (KD, LM, ALM)}
    work = _Work(head, token, compared, chunks, announced, measure, torch.is_grad_enabled())
    kd_total, lm_total, alm_total = _Pass.apply(hidden, head.weight, head.bias, work)  # type: ignore[no-untyped-call]
    return Vocabulary(kd_total, lm_total, work.signals, alm_total)


@dataclass(slots=True, eq=False)
class _Work:
    head: Head
    token: Tensor | None
    compared: Compared | None
    chunks: Chunks | None
    scales: Mapping[str, float] | None
    measure: bool
    graph: bool
    signals: dict[str, Tensor] = field(default_factory=dict)


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor | None, bias: Tensor | None, work: _Work) -> Any:  # noqa: ANN401
        wanted = [work.graph and needed for needed in ctx.needs_input_grad[:3]]
        sums = _Gradients(hidden, weight, bias, wanted, work)
        with torch.autocast(hidden.device.type, enabled=False):
            values = _run(hidden, work, sums)
        ctx.scales, ctx.names, ctx.shapes = work.scales, list(sums.parts), [len(p) for p in sums.parts.values()]
        ctx.wanted, ctx.types = wanted, [None if x is None else x.dtype for x in (hidden, weight, bias)]
        ctx.save_for_backward(*(t for part in sums.parts.values() for t in part))
        alm = hidden.new_zeros((), dtype=torch.float32) if work.chunks is None else work.chunks.value.detach().clone()
        return values[KD].sum(), values[LM].sum(), alm

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Any:  # noqa: ANN401
        factors = dict(zip((KD, LM, ALM), given, strict=True))
        if ctx.scales is not None:
            factors = {BOTH: common_factor(factors, ctx.scales)}
        saved = iter(ctx.saved_tensors)
        total: list[Tensor] = []
        for name, count in zip(ctx.names, ctx.shapes, strict=True):
            part = [next(saved) * factors[name] for _ in range(count)]
            total = [a + b for a, b in zip(total, part, strict=True)] if total else part
        found = iter(total)
        grads = [next(found).to(t) if wanted else None for wanted, t in zip(ctx.wanted, ctx.types, strict=True)]
        return *grads, None


BOTH = "both"


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


class _Gradients:
    """Sums of products: for each term, or for both at their scales, to the states, the weight and the bias."""

    def __init__(
        self,
        hidden: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        wanted: list[bool],
        work: _Work,
    ) -> None:
        self.scales, self.hidden, self.weight = work.scales, hidden, weight
        self.wanted = wanted
        shapes = [x for x, want in zip((hidden, weight, bias), wanted, strict=True) if want and x is not None]
        asked = {KD: work.compared, LM: work.token, ALM: work.chunks}
        names = [name for name, of in asked.items() if of is not None] or [LM]
        self.parts = {
            name: [torch.zeros(x.shape, dtype=torch.float32, device=x.device) for x in shapes]
            for name in (names if work.scales is None else [BOTH])
        }

    def scale(self, name: str) -> float:
        """What a term's rows are multiplied by before they are added."""
        return 1.0 if self.scales is None else self.scales[name]

    def add(self, name: str, rows: Tensor, gradient: Tensor) -> None:
        """Multiply the gradient to some rows' raw logits [n, columns] into the sums."""
        part = iter(self.parts[BOTH if self.scales is not None else name])
        columns = gradient.shape[1]
        if self.wanted[0]:
            to_states = gradient if self.weight is None else gradient @ self.weight[:columns].float()
            next(part)[:, : to_states.shape[1]].index_add_(0, rows, to_states)
        if self.wanted[1]:
            next(part)[:columns].addmm_(gradient.T, self.hidden[rows].float())
        if self.wanted[2]:
            next(part)[:columns].add_(gradient.sum(dim=0))


def _run(hidden: Tensor, work: _Work, sums: _Gradients) -> dict[str, Tensor]:
    """Go through all rows; return the values of each term's rows."""
    kept: dict[str, list[Tensor]] = {KD: [], LM: []}
    measured: dict[str, list[Tensor]] = {name: [] for name in signals.NAMES if work.measure and work.compared}
    columns = hidden.shape[1] if work.head.weight is None else work.head.weight.shape[0]
    for rows, boundaries in _blocks(hidden.shape[0], columns, work):
        logits = work.head.logits(hidden[rows])
        parts: list[tuple[str, Rows, int]] = []
        if work.token is not None:
            found = lm.rows(logits, work.token[rows])
            kept[LM].append(found.values)
            parts.append((LM, found, len(rows)))
            if work.chunks is not None:
                weighed = Rows(found.values, found.gradient * work.chunks.weight[rows, None])
                parts.append((ALM, weighed, len(rows)))
        if work.compared is not None and boundaries.stop > boundaries.start:
            of, count = work.compared, boundaries.stop - boundaries.start
            mine = logits[:count, : of.tokens]
            if work.measure:
                token = work.token[rows[:count]] if work.token is not None else torch.zeros_like(rows[:count])
                told = signals.measured(mine, of.target.block(boundaries, 1.0), token)
                told[signals.MAPPED] = of.target.mapped(boundaries)
                for name, each in told.items():
                    measured[name].append(each)
            found = kd.rows(mine.clone(), of.target.block(boundaries, of.divergence.temperature), of.divergence)
            if of.row_weight is not None:
                weight = of.row_weight(found.values)
                found = Rows(found.values * weight, found.gradient * weight[:, None])
            kept[KD].append(found.values)
            parts.append((KD, found, count))
        if any(sums.wanted):
            _add(sums, parts, rows, logits, work.head)
    zero = hidden.new_zeros(0, dtype=torch.float32)
    work.signals = {name: torch.cat([zero, *each]).sum() for name, each in measured.items()}
    return {name: torch.cat([zero, *each]) for name, each in kept.items()}


def _add(sums: _Gradients, parts: list[tuple[str, Rows, int]], rows: Tensor, logits: Tensor, head: Head) -> None:
    together = torch.zeros_like(logits) if sums.scales is not None else None
    for name, found, count in parts:
        slope = found.gradient
        if sums.scales is not None and together is not None:
            together[:count, : slope.shape[1]].add_(slope, alpha=sums.scale(name))
        else:
            sums.add(name, rows[:count], _raw(slope, logits[:count, : slope.shape[1]], head))
    if together is not None:
        sums.add(BOTH, rows, _raw(together, logits, head))


def _raw(gradient: Tensor, logits: Tensor, head: Head) -> Tensor:
    """From the gradient to the logits to the one to the product of states and weight."""
    if head.softcap is not None:
        gradient = gradient * (1 - (logits / head.softcap).square())
    return gradient * head.scale if head.scale != 1.0 else gradient


def _blocks(count: int, columns: int, work: _Work) -> Iterator[tuple[Tensor, slice]]:
    """Cut the rows into blocks, those that are compared first; give with each the slice of boundaries in it."""
    size = max(1, BLOCK // max(1, columns))
    device = work.token.device if work.token is not None else work.compared.at.device if work.compared else "cpu"
    at = work.compared.at if work.compared is not None else torch.empty(0, dtype=torch.int64, device=device)
    compared = int(at.shape[0])
    for start in range(0, compared, size):
        stop = min(start + size, compared)
        yield at[start:stop], slice(start, stop)
    if work.token is None:
        return
    # the others: a stable sort, as a mask would have to be read by the host
    others = torch.zeros(count, dtype=torch.int64, device=device).index_fill_(0, at, 1).argsort(stable=True)
    for start in range(0, count - compared, size):
        yield others[start : min(start + size, count - compared)], slice(0, 0)
