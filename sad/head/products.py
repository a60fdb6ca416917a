"""Matrix products with an output head: forward to logits, backward to states, weight and bias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.head.linear import Head

TILE = 8192
"""Rows of a half-precision weight that are brought to float32 at a time, where halves cannot be multiplied."""
HALVES = (torch.bfloat16, torch.float16)


class Products:
    """The student's side: one set of sums for each of ``names``, in float32, for what of the three ``wanted``.

    Every product comes out in float32: rounded logits spoil the gradient as the student nears the teacher.
    """

    def __init__(
        self,
        hidden: Float[Tensor, "target width"],
        head: Head,
        wanted: tuple[bool, bool, bool],
        names: tuple[str, ...],
        operands: torch.dtype | None = None,
    ) -> None:
        self.hidden, self.wanted, self.operands = hidden, wanted, operands
        self.factor = Factor(hidden, head, operands)
        self.sums: dict[str, list[Tensor]] = {name: self._made(head) for name in names}
        self.unwritten = set(names) if wanted[1] else set[str]()

    def _made(self, head: Head) -> list[Tensor]:
        """One set of sums; that of the weight, which is as large as the head, is written first and then added to."""
        made = list[Tensor]()
        for x, want in zip((self.hidden, head.weight, head.bias), self.wanted, strict=True):
            if want and x is not None:
                made.append(torch.empty(x.shape, dtype=torch.float32, device=self.hidden.device))
                if x is not head.weight:
                    made[-1].zero_()
        return made

    def finish(self) -> None:
        """Give what nothing was added to its zeros."""
        for name in self.unwritten:
            self.sums[name][int(self.wanted[0])].zero_()
        self.unwritten = set()

    def states(self, rows: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
        """Return some rows of the states, in the type that they are multiplied in."""
        return self.hidden.index_select(0, rows).to(self.factor.dtype)

    def add(
        self,
        name: str,
        rows: Int[Tensor, " n"],
        states: Float[Tensor, "n width"],
        gradient: Float[Tensor, "n columns"],
    ) -> None:
        """Multiply the gradient to some rows' products with the weight into the sums. No row may come twice."""
        sums, columns, factor = iter(self.sums[name]), gradient.shape[1], self.factor
        rounded, states = gradient.to(factor.back_dtype), states.to(factor.back_dtype)
        with factor.multiplying():
            if self.wanted[0]:
                to_states = rounded if factor.weight is None else factor.back(rounded)
                next(sums)[:, : to_states.shape[1]].index_copy_(0, rows, to_states)
            if self.wanted[1]:
                of_weight = next(sums)
                if name in self.unwritten:
                    self.unwritten.discard(name)
                    of_weight[columns:].zero_()
                    _put(of_weight[:columns], rounded.T, states)
                else:
                    _add(of_weight[:columns], rounded.T, states)
            if self.wanted[2]:
                next(sums)[:columns].add_(gradient.sum(dim=0, dtype=torch.float32))


class Factor:
    """A head's weight and bias as they are multiplied: in float32, or in halves where the device adds in float32.

    Both factors are halves if they come so, or if autocast makes them so: ``operands`` is its type. The products come
    out in float32 all the same. A processor gives products of halves in halves, too coarse for logits, and of float32
    tensors that it rounds itself in float32.
    """

    def __init__(self, hidden: Tensor, head: Head, operands: torch.dtype | None = None) -> None:
        weight, gpu = head.weight, hidden.device.type == "cuda"
        half = self._half(hidden, weight, operands) if weight is not None else None
        self.dtype = half if half is not None and gpu else torch.float32
        self.weight = weight.to(self.dtype) if weight is not None and self.dtype in HALVES else weight
        self.bias = head.bias
        self.rounds = half == torch.bfloat16 and not gpu
        self.back_dtype = torch.bfloat16 if self.rounds and native_halves() else self.dtype

    @staticmethod
    def _half(hidden: Tensor, weight: Tensor, operands: torch.dtype | None) -> torch.dtype | None:
        if operands in HALVES:
            return operands
        # a float32 weight beside half-precision states is made a half on a GPU, as autocast does it
        same = hidden.dtype == weight.dtype or hidden.device.type == "cuda"
        return hidden.dtype if hidden.dtype in HALVES and same else None

    @contextmanager
    def multiplying(self) -> Iterator[None]:
        """Let a processor multiply float32 tensors as bfloat16, added in float32, where the factors are bfloat16.

        Where they are so already the logits lose nothing. The gradient to them is rounded to 8 bits on its way, which
        is 0.2% of noise however near the teacher is.
        """
        before = torch.get_float32_matmul_precision()
        if self.rounds:
            torch.set_float32_matmul_precision("medium")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)

    def into(self, out: Float[Tensor, "n columns"], states: Float[Tensor, "n width"]) -> Float[Tensor, "n columns"]:
        """Write the products of states and weight, with the bias, into a buffer; return it.

        The buffer may have fewer columns than the weight has rows: the first ones are computed.
        """
        if self.weight is None:
            return out.copy_(states[:, : out.shape[1]])
        columns = out.shape[1]
        for span, tile in tiles(self.weight[:columns], self.dtype):
            if self.dtype in HALVES:
                torch.mm(states, tile.T, out_dtype=torch.float32, out=out)
            else:
                torch.mm(states, tile.T, out=out[:, span])
        return out if self.bias is None else out.add_(self.bias[:columns])

    def back(self, gradient: Float[Tensor, "n columns"]) -> Float[Tensor, "n width"]:
        """Return the product of a gradient with the weight, in float32."""
        assert self.weight is not None, "states that are logits have no weight"
        found = gradient.new_zeros(gradient.shape[0], self.weight.shape[1], dtype=torch.float32)
        for span, tile in tiles(self.weight[: gradient.shape[1]], self.back_dtype):
            _add(found, gradient[:, span], tile)
        return found


def _put(sums: Float[Tensor, "a b"], left: Float[Tensor, "a n"], right: Float[Tensor, "n b"]) -> None:
    """Write a product where float32 sums are to be."""
    if left.dtype not in HALVES:
        torch.mm(left, right, out=sums)
    elif left.device.type == "cuda":
        torch.mm(left, right, out_dtype=torch.float32, out=sums)
    else:
        for start in range(0, len(sums), TILE):
            sums[start : start + TILE].copy_(torch.mm(left[start : start + TILE], right))


def _add(sums: Float[Tensor, "a b"], left: Float[Tensor, "a n"], right: Float[Tensor, "n b"]) -> None:
    """Add a product to float32 sums, where they are."""
    if left.dtype not in HALVES:
        sums.addmm_(left, right)
    elif left.device.type == "cuda":
        torch.addmm(sums, left, right, out_dtype=torch.float32, out=sums)
    else:
        for start in range(0, len(sums), TILE):
            sums[start : start + TILE].add_(torch.mm(left[start : start + TILE], right))


@cache
def native_halves() -> bool:
    """Whether this processor multiplies bfloat16 by itself, and faster."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def tiles(
    weight: Float[Tensor, "rows width"], dtype: torch.dtype = torch.float32
) -> Iterator[tuple[slice, Float[Tensor, "some width"]]]:
    """Give a weight of this type whole, another one in pieces that are brought to it in one buffer."""
    if weight.dtype == dtype:
        yield slice(0, weight.shape[0]), weight
        return
    buffer = torch.empty(min(TILE, weight.shape[0]), weight.shape[1], dtype=dtype, device=weight.device)
    for start in range(0, weight.shape[0], TILE):
        stop = min(start + TILE, weight.shape[0])
        yield slice(start, stop), buffer[: stop - start].copy_(weight[start:stop])
