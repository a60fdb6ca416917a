"""The products with an output head: states to logits, and gradients to logits into states, weight and bias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.head.linear import Head

TILE = 8192
"""Rows of a half-precision weight that are brought to float32 at a time."""


class Products:
    """The student's side: one set of sums for each of ``names``, in float32, for what of the three ``wanted``.

    Every product comes out in float32: rounded logits spoil the gradient as the student nears the teacher.
    """

    def __init__(
        self, hidden: Float[Tensor, "target width"], head: Head, wanted: tuple[bool, bool, bool], names: tuple[str, ...]
    ) -> None:
        self.hidden, self.head, self.wanted = hidden, head, wanted
        leaves = [x for x, want in zip((hidden, head.weight, head.bias), wanted, strict=True) if want and x is not None]
        self.sums = {
            name: [torch.zeros(x.shape, dtype=torch.float32, device=x.device) for x in leaves] for name in names
        }

    def states(self, rows: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
        """Return some rows of the states in float32, times the head's scale."""
        some = self.hidden.index_select(0, rows).float()
        return some if self.head.scale == 1.0 else some.mul_(self.head.scale)

    def add(
        self,
        name: str,
        rows: Int[Tensor, " n"],
        states: Float[Tensor, "n width"],
        gradient: Float[Tensor, "n columns"],
    ) -> None:
        """Multiply the gradient to some rows' logits, before any soft-cap, into the sums. No row may come twice."""
        with exact_halves(self.hidden, self.head.weight):
            self._add(name, rows, states, gradient)

    def _add(self, name: str, rows: Tensor, states: Tensor, gradient: Tensor) -> None:
        sums, weight = iter(self.sums[name]), self.head.weight
        columns = gradient.shape[1]
        if self.wanted[0]:
            if weight is None:
                to_states = gradient
            else:
                to_states = torch.zeros_like(states)
                for span, tile in tiles(weight[:columns]):
                    to_states.addmm_(gradient[:, span], tile)
                if self.head.scale != 1.0:
                    to_states.mul_(self.head.scale)
            next(sums)[:, : to_states.shape[1]].index_copy_(0, rows, to_states)
        if self.wanted[1]:
            next(sums)[:columns].addmm_(gradient.T, states)
        if self.wanted[2]:
            next(sums)[:columns].add_(gradient.sum(dim=0), alpha=self.head.scale)


def logits_into(out: Float[Tensor, "n rows"], states: Float[Tensor, "n width"], head: Head) -> Float[Tensor, "n rows"]:
    """Write the logits of scaled float32 states into a buffer, without the soft-cap; return it.

    The buffer may have fewer columns than the head has rows: the first ones are computed.
    """
    if head.weight is None:
        return out.copy_(states[:, : out.shape[1]])
    for span, tile in tiles(head.weight[: out.shape[1]]):
        torch.mm(states, tile.T, out=out[:, span])
    return out if head.bias is None else out.add_(head.bias[: out.shape[1]].float(), alpha=head.scale)


def tiles(weight: Float[Tensor, "rows width"]) -> Iterator[tuple[slice, Float[Tensor, "some width"]]]:
    """Give a float32 weight whole, one of half precision in pieces that are brought to float32 in one buffer."""
    if weight.dtype == torch.float32:
        yield slice(0, weight.shape[0]), weight
        return
    buffer = torch.empty(min(TILE, weight.shape[0]), weight.shape[1], dtype=torch.float32, device=weight.device)
    for start in range(0, weight.shape[0], TILE):
        stop = min(start + TILE, weight.shape[0])
        yield slice(start, stop), buffer[: stop - start].copy_(weight[start:stop])


@contextmanager
def exact_halves(hidden: Tensor, weight: Tensor | None) -> Iterator[None]:
    """Let the processor multiply in bfloat16 where both factors of a logit are bfloat16 already.

    Then its products lose nothing, and are added in float32. That holds for logits; the gradient to them is rounded
    to 8 bits on its way, which is 0.2% of noise however near the teacher is.
    """
    halves = weight is not None and weight.dtype == hidden.dtype == torch.bfloat16
    if not halves or hidden.device.type != "cpu":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
