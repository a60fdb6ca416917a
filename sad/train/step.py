"""One optimizer step: every micro-batch, one division by the units of them all, one update."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sad.batch import KD, LM, Batch
from sad.distiller import Distiller
from sad.objective import Ledger, Objective
from sad.train import sharded


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did. ``tokens`` are student labels; ``finite`` is False where the update was left out."""

    ledger: Ledger
    grad_norm: float
    finite: bool
    tokens: int
    coverage: float
    update_ratio: float | None


def take_step(
    accelerator: Accelerator,
    wrapped: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    batches: Sequence[Batch],
    clip: float,
    *,
    measure_update: bool = True,
) -> Step:
    """Accumulate the gradient over ``batches`` (of this process), clip it, update the weights once.

    The loss is the sum over all micro-batches and processes divided by their units: the same for every way of
    cutting the step into pieces. A step whose loss or gradient is not finite changes no weight; the gradients are
    cleared in any case.
    """
    distiller: Distiller = accelerator.unwrap_model(wrapped)
    units = total_units(accelerator, batches)
    totals: dict[str, Tensor] = {}
    for number, batch in enumerate(batches, 1):
        moved = batch.to(accelerator.device)
        with accelerator.autocast(), accelerator.no_sync(wrapped) if number < len(batches) else nullcontext():
            sums = wrapped(moved, distiller.ask_teacher(moved), objective.scales(units))
            # processes' gradients are averaged; the sum is wanted
            accelerator.backward(objective.part(sums, units) * accelerator.num_processes)
        for name, one in sums.items():
            totals[name] = totals.get(name, torch.zeros(())) + one.total.detach().to(_widest(accelerator.device))
    norm = sharded.whole(accelerator.clip_grad_norm_(distiller.parameters(), clip))
    values = _read(accelerator, [*totals.values()], norm)
    ledger = objective.ledger(dict(zip(totals, values[:-1], strict=True)), units)
    # a loss can be infinite although its gradient is not
    finite = math.isfinite(values[-1]) and math.isfinite(ledger.loss)
    ratio = _update(optimizer, distiller, measure_update) if finite else None
    optimizer.zero_grad(set_to_none=True)
    objective.follow(ledger)
    return Step(ledger, values[-1], finite, units[LM], units[KD] / max(1, units[LM]), ratio)


def total_units(accelerator: Accelerator, batches: Sequence[Batch]) -> dict[str, int]:
    """Count the units of every term over all micro-batches and processes of the step."""
    counts = [batch.counts() for batch in batches]
    names = list(counts[0])
    local = torch.tensor([sum(c[n] for c in counts) for n in names], device=accelerator.device)
    return dict(zip(names, accelerator.reduce(local, "sum").tolist(), strict=True))


def _read(accelerator: Accelerator, totals: list[Tensor], norm: Tensor) -> list[float]:
    """Bring the totals (summed over processes) and the gradient norm to the host, in one transfer."""
    device = accelerator.device
    summed = accelerator.reduce(torch.stack([t.to(device) for t in totals]), "sum")
    return [float(v) for v in torch.cat([summed, norm.detach().to(summed).reshape(1)]).tolist()]


def _widest(device: torch.device) -> torch.dtype:
    """Return the type to sum in: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


@torch.no_grad()
def _update(optimizer: torch.optim.Optimizer, distiller: Distiller, measure: bool) -> float | None:
    """Step the optimizer; return the norm of the student's update over the norm of its weights, if asked."""
    weights = [p for p in distiller.student.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in weights] if measure else []
    optimizer.step()
    if not measure:
        return None
    moved = sharded.norm(p.detach() - b for p, b in zip(weights, before, strict=True))
    return float(moved / sharded.norm(before).clamp_min(1e-30))
