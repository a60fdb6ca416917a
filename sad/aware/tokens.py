"""Weights of the compared positions, by the gap between student and teacher at each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sad.batch import widest

MEMORY = 0.9
"""Share of a running mean that a step leaves as it was."""


@dataclass(slots=True)
class Gaps:
    """Gives each position the weight ``f / size``, f = (gap / mean) ** power between 1 / most and most.

    The gap is the position's KD value in nats. ``mean`` is the running mean of the gap and ``size`` that of f, both of
    the steps before: what is known before a step is the same for every micro-batch and process of it, so the sum does
    not depend on how a step is cut. The mean weight of a step is therefore 1, up to what changed since; the weights of
    the first step are 1. A weight is a number: no gradient flows through it.
    """

    power: float
    most: float
    mean: float | None = None
    size: float | None = None
    _sum: Tensor | None = None

    @torch.no_grad()
    def weights(self, gaps: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the weights of some positions, float32, and count f. A gap that is NaN has the weight NaN."""
        if self.mean is None:
            factor = torch.ones_like(gaps)
        else:
            factor = (gaps.clamp_min(0.0) / self.mean).pow_(self.power).clamp_(1 / self.most, self.most)
        if self._sum is None or self._sum.device != gaps.device:
            self._sum = torch.zeros((), dtype=widest(gaps.device), device=gaps.device)
        self._sum += factor.sum(dtype=self._sum.dtype)
        return factor if self.size is None else factor.div_(self.size)

    def begin(self) -> None:
        """Forget what was counted since the last step: an evaluation, or a step that was given up."""
        self._sum = None

    def counted(self) -> Float[Tensor, ""]:
        """Return the sum of f over what was weighed since :meth:`begin`."""
        return torch.zeros(()) if self._sum is None else self._sum

    def follow(self, gap: float, factor: float) -> None:
        """Update the means with those of a whole step over all processes; does nothing unless both are positive."""
        if not all(math.isfinite(x) and x > 0 for x in (gap, factor)):
            return
        if self.mean is not None:
            # without a mean all factors of the step were 1
            self.size = _moved(self.size, factor)
        self.mean = _moved(self.mean, gap)

    def state(self) -> dict[str, float]:
        """Return what a checkpoint holds."""
        return {name: value for name, value in (("mean", self.mean), ("size", self.size)) if value is not None}

    def recall(self, state: Mapping[str, float]) -> None:
        """Go on from a checkpoint's state."""
        self.mean, self.size = state.get("mean"), state.get("size")


def _moved(known: float | None, value: float) -> float:
    return value if known is None else MEMORY * known + (1 - MEMORY) * value
