"""Bugs of steps: the optimizer, the window of an accumulation, the learning rate, a resume."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from sad.distiller import Distiller
from sad.objective import Objective
from sad.train import loop, optimizer, step
from sad.train.saving import checkpoint
from sickened.fault import Fault, Make, World

LOOKED_AT = World({"train": {"grad_shares_every": 2}})
"""Where the teacher's own loss is in the log often enough for a trend."""
FOUR = {"train": {"accumulation": 4, "batch_size": 1}}
RESUMED = World({"train": {"warmup": 0.0, "final_learning_rate": 1.0}}, resumed=True)
"""The rate is the same on both sides of the seam: the first half is planned as a run of its own."""
TO_ZERO = {"train": {"accumulation": 4, "batch_size": 1, "final_learning_rate": 0.0}}


def never(_right: Any) -> Any:
    return lambda _optimizer, _distiller, measure: 0.0 if measure else None


def cleared(right: Any) -> Any:
    def forward(self: Distiller, *given: Any, **more: Any) -> Any:
        self.zero_grad()
        return right(self, *given, **more)

    return forward


def own_units(_right: Any) -> Any:
    def part(self: Objective, sums: Any, _units: Any) -> torch.Tensor:
        return torch.stack([self.weights[name] * s.total / max(1, s.units) for name, s in sums.items()]).sum()

    return part


def clipped_each() -> tuple[tuple[Any, str, Make], ...]:
    """The gradient is clipped after every micro-batch, and not only before the step."""
    seen: list[nn.Module] = []

    def forward(right: Any) -> Any:
        def run(self: Distiller, *given: Any, **more: Any) -> Any:
            seen[:] = [self]
            return right(self, *given, **more)

        return run

    def backward(right: Any) -> Any:
        def run(self: Accelerator, loss: torch.Tensor, **more: Any) -> None:
            right(self, loss, **more)
            nn.utils.clip_grad_norm_(seen[0].parameters(), 0.3)

        return run

    return (Distiller, "forward", forward), (step.Accelerator, "backward", backward)


def by_micro_batches(right: Any) -> Any:
    """The scheduler is advanced with every micro-batch, and stays at its end."""

    def rate(of: torch.optim.Optimizer, number: int, total: int, recipe: Any) -> float:
        return float(right(of, min(total - 1, number * recipe.accumulation), total, recipe))

    return rate


def linear(_right: Any) -> Any:
    def factor(number: int, total: int, warmup: float, final: float) -> float:
        rising = round(warmup * total)
        if number < rising:
            return (number + 1) / rising
        return final + (1 - final) * (1 - (number - rising) / max(1, total - 1 - rising))

    return factor


def looked_at_late(right: Any) -> Any:
    """The norm is taken after the gradients were cleared."""
    return lambda *given, **more: replace(right(*given, **more), grad_norm=0.0)


def orphaned(right: Any) -> Any:
    """What is loaded goes to another model than the one that trains."""

    def load(run: Any, distiller: Distiller, *given: Any, **more: Any) -> Any:
        fresh = copy.deepcopy(distiller.student.state_dict())
        found = right(run, distiller, *given, **more)
        distiller.student.load_state_dict(fresh)
        return found

    return load


def forgets_moments(right: Any) -> Any:
    def load(run: Any, distiller: Distiller, of: torch.optim.Optimizer, *given: Any, **more: Any) -> Any:
        found = right(run, distiller, of, *given, **more)
        of.state.clear()
        return found

    return load


def decays_the_teacher(right: Any) -> Any:
    """The teacher is among what the optimizer decays."""

    def update(of: torch.optim.Optimizer, distiller: Distiller, measure: bool) -> float | None:
        ratio: float | None = right(of, distiller, measure)
        with torch.no_grad():
            for one in distiller.teacher.parameters():
                one.mul_(0.995)
        return ratio

    return update


FAULTS = (
    Fault("V104", "no step is taken", ((step, "_update", never),), ("weights-frozen",)),
    Fault("V110", "the teacher decays", ((step, "_update", decays_the_teacher),), ("teacher-drifts",), LOOKED_AT),
    Fault(
        "V401",
        "each micro-batch is divided by its own units",
        ((Objective, "part", own_units),),
        ("parts-do-not-sum", "gradient-always-clipped"),
        World(FOUR),
    ),
    Fault("V406", "gradients cleared in the window", ((Distiller, "forward", cleared),), (), World(FOUR)),
    Fault("V407", "gradients clipped in the window", clipped_each(), (), World(FOUR)),
    Fault(
        "V409",
        "the schedule counts micro-batches",
        ((loop, "set_learning_rate", by_micro_batches),),
        ("learning-rate-zero",),
        World(TO_ZERO),
    ),
    Fault("V410", "the cosine is a line", ((optimizer, "rate_factor", linear),)),
    Fault("V411", "the norm of cleared gradients", ((loop, "take_step", looked_at_late),), ("gradient-vanishes",)),
    Fault(
        "V501",
        "the checkpoint goes to another model",
        ((checkpoint, "load", orphaned),),
        ("resume-jumps",),
        RESUMED,
    ),
    Fault("V502", "moments lost at a resume", ((checkpoint, "load", forgets_moments),), (), RESUMED),
)
