"""The numbers of a logged line besides the terms: learning rates, time, memory, and what is measured rarely."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from sad.train.clock import Clock
from sad.train.ledger.memory import held
from sad.train.loss_scale import LossScale
from sad.train.saving.checkpoint import Progress
from sad_doctor import names


def measured(
    clock: Clock,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    device: torch.device | str,
    seldom: Mapping[str, float],
    scale: LossScale | None = None,
) -> dict[str, float]:
    """Return the numbers by the doctor's names, and the finite ones of those that are measured ``seldom``."""
    found = {names.SECONDS + part: seconds for part, seconds in clock.seconds().items()}
    found |= {name: value for name, value in seldom.items() if math.isfinite(value)}
    first = optimizer.param_groups[0]
    for group in optimizer.param_groups[1:]:
        if group.get("name", first.get("name")) != first.get("name"):
            found[names.LEARNING_RATE_OF + group["name"]] = float(group["lr"])
    found |= held(device)
    if progress.cuts > 1:
        found[names.MICRO_BATCH_CUTS] = progress.cuts
    if scale is not None:
        found[names.LOSS_SCALE] = scale.value
    return found


def due(step: int, every: int) -> bool:
    """Return whether to measure after ``step`` (counted from 1): after the first, then every ``every`` steps."""
    return bool(every) and (step - 1) % every == 0
