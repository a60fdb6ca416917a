"""The exact size of an optimizer step relative to the weights, measured on some of the steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sad.train.processes import sharded

FIRST, EVERY = 5, 10
"""The first steps are all measured, since weights that do not move show at once; then one in ten. Copying,
subtracting and summing every weight reads and writes as much memory as the optimizer itself does."""


def measured(step: int, log_every: int) -> bool:
    """Return whether ``step`` (from 1) is measured: one of the first, or a logged one ten steps or more after another.

    A function of the step alone, so that a run that is resumed measures the same steps.
    """
    apart = log_every * -(-EVERY // log_every)
    return step <= FIRST or step % apart == 0


@torch.no_grad()
def update_ratio(weights: nn.Module, step: Callable[[], object]) -> Tensor:
    """Call ``step`` and return ‖after - before‖ / ‖before‖ over all trainable weights, float32 []."""
    live: list[Tensor] = [p for p in weights.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in sharded.pieces(live)]
    step()
    size = sharded.norm(before)
    torch._foreach_sub_(sharded.local(before), sharded.local(sharded.pieces(live)))
    return sharded.norm(before) / size
