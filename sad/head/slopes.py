"""Gradients to many rows' products, kept until they are enough for one product with states and weight."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.head.products import Products

LINE = 64
"""Numbers to which a row is filled up in a GPU's memory, as its products want it."""


def lines(rows: int, columns: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "rows columns"]:
    """Return a buffer whose rows begin where a product reads them fast."""
    stride = columns if device.type == "cpu" else -(-columns // LINE) * LINE
    return torch.empty(rows, stride, dtype=dtype, device=device)[:, :columns]


class Slopes:
    """A buffer for the gradients of ``most`` rows, in the type that is multiplied: half as wide as logits are.

    Each product reads and writes the gradient of the whole weight once, which for a few hundred rows takes as long as
    the product itself; logits of as many rows as these gradients have would take four times their memory.
    """

    def __init__(self, products: Products, most: int, columns: int) -> None:
        self._products = products
        self._buffer = lines(most, columns, products.factor.dtype, products.hidden.device)
        self._rows: list[Tensor] = []
        self._filled = 0

    def next(self, rows: Int[Tensor, " n"]) -> Float[Tensor, "n columns"]:
        """Return where the gradients of the next rows belong; they must be there before the next call."""
        if self._filled + len(rows) > len(self._buffer):
            self.flush()
        start, self._filled = self._filled, self._filled + len(rows)
        self._rows.append(rows)
        return self._buffer[start : self._filled]

    def flush(self) -> None:
        """Multiply what is there into the sums."""
        if not self._filled:
            return
        rows = torch.cat(self._rows)
        states, gradient = self._products.states(rows), self._buffer[: self._filled]
        for name in self._products.sums:
            self._products.add(name, rows, states, gradient)
        self._rows, self._filled = [], 0
