"""One number a row, collected over the blocks."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Column:
    """Collects one number a row in a buffer of its own: small tensors that outlive a piece would fragment the memory
    between the large ones of the next.
    """

    def __init__(self, rows: int, device: torch.device) -> None:
        self.numbers, self.count = torch.zeros(rows, dtype=torch.float32, device=device), 0

    def append(self, some: Float[Tensor, " n"]) -> None:
        """Take some more."""
        self.numbers[self.count : self.count + len(some)] = some
        self.count += len(some)

    def sum(self) -> Float[Tensor, ""]:
        """Return the sum of all."""
        return self.numbers[: self.count].sum()
