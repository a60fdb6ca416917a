"""What the loss is multiplied by before its backward pass in float16, in which small gradients would be 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

MOST = 24
"""Largest exponent of the scale: beyond it float32 sums of the scaled gradients come near to overflow."""
STEADY = 2000
"""Steps without an overflow after which it is doubled."""


class Kept(Protocol):
    """Where the scale is kept, such as a run's progress, so that a resumed run goes on with it: two to the
    ``scale_exponent``, for ``scale_steady`` steps so far.
    """

    scale_exponent: int
    scale_steady: int


@dataclass(slots=True)
class Begun:
    """A scale that is kept by nobody: that of a few steps."""

    scale_exponent: int = 16
    scale_steady: int = 0


class LossScale:
    """A power of two.

    A step whose gradient overflows is taken anew at half of it, so that no batch is lost. Source: Micikevicius et al.
    2018, section 3.2, which leaves such steps out.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    @classmethod
    def of(cls, precision: str, kept: Kept | None = None) -> LossScale | None:
        """Return the scale that a run in this precision needs: one in float16 alone."""
        return cls(kept or Begun()) if precision == "fp16" else None

    @property
    def value(self) -> float:
        """What to multiply the loss by now."""
        return 2.0**self._kept.scale_exponent

    def halve(self) -> bool:
        """Halve it, and say so; False where it is 1 already: then it is no overflow of float16."""
        if self._kept.scale_exponent == 0:
            return False
        self._kept.scale_exponent -= 1
        self._kept.scale_steady = 0
        return True

    def held(self) -> None:
        """Count a step that did not overflow; double it after :data:`STEADY` of them."""
        self._kept.scale_steady += 1
        if self._kept.scale_steady >= STEADY:
            self._kept.scale_steady = 0
            self._kept.scale_exponent = min(MOST, self._kept.scale_exponent + 1)


def divide(parameters: Sequence[Tensor], value: float) -> None:
    """Divide the gradients of ``parameters``, float32, in place."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if gradients:
        torch._foreach_mul_(gradients, 1 / value)
