"""What a logged line says besides the terms: shares of the gradient, learning rates, time, memory."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from sad.train.checkpoint import Progress
from sad.train.clock import Clock
from sad.train.memory import held
from sad_doctor import names


def measured(
    clock: Clock,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    device: torch.device | str,
    shares: Mapping[str, float],
) -> dict[str, float]:
    """Return the numbers by the doctor's names; ``shares`` of the gradient are empty where none were measured."""
    found = {names.SECONDS + part: seconds for part, seconds in clock.seconds().items()}
    found |= {names.GRAD_SHARE + name: share for name, share in shares.items() if math.isfinite(share)}
    first = optimizer.param_groups[0]
    for group in optimizer.param_groups[1:]:
        if group.get("name", first.get("name")) != first.get("name"):
            found[names.LEARNING_RATE_OF + group["name"]] = float(group["lr"])
    found |= held(device)
    if progress.cuts > 1:
        found[names.MICRO_BATCH_CUTS] = progress.cuts
    return found


def due(step: int, every: int) -> bool:
    """Return whether the shares of the gradient are measured after ``step`` (from 1): the first, then every so many."""
    return bool(every) and (step - 1) % every == 0
