"""One optimizer step: every micro-batch, one division by the units of them all, one update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sad.batch import KD, LM, Batch, widest
from sad.distiller import Distiller
from sad.objective import Ledger, Objective
from sad.train.clock import Clock
from sad.train.processes import sharded
from sad.train.processes.engine import Engine
from sad.train.processes.gradients import Joined, joined
from sad.train.update import update_ratio
from sad.train.watch.out_of_memory import Together


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step. ``tokens`` counts student labels, ``seen`` student tokens without padding, in ``texts``
    texts.

    The update was left out where ``finite`` is False or ``spike`` True. ``trained`` is the loss that was
    differentiated, summed apart from the ledger's parts; ``level`` is the loss that is judged as a spike.
    """

    ledger: Ledger
    grad_norm: float
    finite: bool
    tokens: int
    seen: int
    texts: int
    coverage: float
    update_ratio: float | None
    spike: bool = False
    trained: float | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Learner:
    """What learns, ready for its processes: ``wrapped`` runs the pair as a distiller does, and the optimizer moves what
    of it has gradients.
    """

    accelerator: Accelerator
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective


def take_step(
    learner: Learner,
    batches: Sequence[Batch],
    clip: float,
    *,
    measure_update: bool = True,
    is_spike: Callable[[float], bool] | None = None,
    clock: Clock | None = None,
) -> Step:
    """Accumulate the gradient over ``batches`` (of this process), clip it, update the weights once.

    The loss is the sum over all micro-batches and processes divided by their units: the same for every way of
    cutting the step into pieces. A step whose loss or gradient is not finite, or whose loss ``is_spike``, changes no
    weight; the gradients are cleared in any case. ``clock`` measures its parts. Raises NoRoom on every process if
    one of several is out of memory.
    """
    accelerator, objective = learner.accelerator, learner.objective
    gradients = joined(accelerator, learner.wrapped, learner.optimizer)
    distiller, gaps = gradients.distiller, objective.gaps
    mark = clock.mark if clock else _unmarked
    units, seen, texts = total_units(accelerator, distiller, batches)
    if gaps is not None:
        gaps.begin()
    trained, totals = _accumulate(learner, gradients, batches, units, mark)
    clipped = gradients.clip(clip)
    counted = [] if gaps is None else [gaps.counted()]
    trained_loss, *sums, norm = _read(accelerator, [trained, *totals.values(), *counted], clipped)
    factors = sums.pop() if counted else 0.0
    ledger = objective.ledger(dict(zip(totals, sums, strict=True)), units)
    # a loss can be infinite although its gradient is not
    finite = math.isfinite(norm) and math.isfinite(ledger.loss)
    level = objective.level(ledger)
    spike = finite and is_spike is not None and is_spike(level)
    ratio = _update(gradients.step, distiller, measure_update) if finite and not spike else None
    gradients.clear()
    grad_norm = gradients.norm(norm)
    mark("optimizer")
    finite = finite and math.isfinite(grad_norm)
    spike, ratio = spike and finite, ratio if finite else None
    if not spike:
        objective.follow(ledger, factors / max(1, units[KD]))
    coverage = units[KD] / max(1, units[LM])
    return Step(
        *(ledger, grad_norm, finite, units[LM], seen, texts, coverage, ratio, spike), trained=trained_loss, level=level
    )


def _accumulate(
    learner: Learner,
    gradients: Joined | Engine,
    batches: Sequence[Batch],
    units: Mapping[str, int],
    mark: Callable[[str], None],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add up the gradient of every micro-batch; return the loss that it is of and each term's sum, of this process."""
    accelerator, objective = learner.accelerator, learner.objective
    distiller, scales = gradients.distiller, objective.scales(units)
    together = Together(accelerator, pieces=sharded.in_pieces(distiller))
    wide = widest(accelerator.device)
    trained, totals = torch.zeros((), dtype=wide, device=accelerator.device), dict[str, Tensor]()
    for number, batch in enumerate(batches, 1):
        last = number == len(batches)
        with accelerator.autocast(), gradients.passing(last=last):
            with together.trying():
                moved = batch.to(accelerator.device)
                mark("data")
                teacher = distiller.ask_teacher(moved)
                mark("teacher")
            if last:
                # processes wait for one another in its forward pass already, in which the exchange is laid out once
                together.agree()
            if not together.failed:
                with together.trying():
                    sums = learner.wrapped(moved, teacher, scales)
                    loss = objective.part(sums, units)
                    mark("student")
                    if not last:
                        gradients.backward(loss)
            if last:
                together.agree()
                gradients.backward(loss)
        if together.failed:
            continue
        mark("backward")
        trained += loss.detach()
        for name, one in sums.items():
            totals[name] = totals.get(name, torch.zeros(())) + one.total.detach().to(wide)
    return trained, totals


class Units(NamedTuple):
    """What a step counts: units of each term, student tokens without padding, and texts."""

    of: dict[str, int]
    tokens: int
    texts: int


def total_units(accelerator: Accelerator, distiller: Distiller, batches: Sequence[Batch]) -> Units:
    """Count over all micro-batches and processes of the step."""
    counts = [distiller.counts(batch) for batch in batches]
    names = list(counts[0])
    totals = [sum(c[n] for c in counts) for n in names]
    totals += [sum(column) for column in zip(*(batch.read() for batch in batches), strict=True)]
    if accelerator.num_processes > 1:
        # one process need not wait for the device
        totals = accelerator.reduce(torch.tensor(totals, device=accelerator.device), "sum").tolist()
    return Units(dict(zip(names, totals, strict=False)), *totals[-2:])


def _read(accelerator: Accelerator, totals: list[Tensor], norm: Tensor) -> list[float]:
    """Bring the totals (summed over processes) and the gradient norm to the host, in one transfer."""
    device = accelerator.device
    summed = accelerator.reduce(torch.stack([t.to(device) for t in totals]), "sum")
    return [float(v) for v in torch.cat([summed, norm.to(summed).reshape(1)]).tolist()]


def _update(step: Callable[[], None], distiller: Distiller, measure: bool) -> float | None:
    """Take the step; return the norm of the student's update over the norm of its weights, if asked."""
    if not measure:
        step()
        return None
    return float(update_ratio(distiller.student, step))


def _unmarked(part: str) -> None:
    """Measure nothing."""
