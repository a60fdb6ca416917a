"""Bugs of steps: the optimizer, the window of an accumulation, the learning rate, a resume."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from sad.batch import LAYERWISE
from sad.distiller import Distiller
from sad.objective import Objective
from sad.train import held_out, loop, optimizer, step
from sad.train.processes.gradients import Joined
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
    def backward(self: Joined, loss: torch.Tensor) -> None:
        self.clear()
        right(self, loss)

    return backward


def own_units(*terms: str) -> tuple[tuple[Any, str, Make], ...]:
    """Each micro-batch is divided by its own units, in these terms or in all; the kernels are told so."""
    counted: list[dict[str, int]] = [{}]

    def chosen(every: Iterable[str]) -> list[str]:
        return [name for name in every if not terms or name in terms]

    def scales(right: Any) -> Any:
        def run(self: Objective, units: dict[str, int]) -> Any:
            counted[0] = dict(units)
            return right(self, units)

        return run

    def forward(right: Any) -> Any:
        def run(self: Distiller, batch: Any, teacher: Any, asked: Any = None) -> Any:
            if asked is not None:
                own, of = self.counts(batch), counted[0]
                asked = asked | {name: asked[name] * max(1, of[name]) / max(1, own[name]) for name in chosen(asked)}
            return right(self, batch, teacher, asked)

        return run

    def part(right: Any) -> Any:
        def run(self: Objective, sums: Any, units: dict[str, int]) -> torch.Tensor:
            own: torch.Tensor = right(self, sums, units | {name: sums[name].units for name in chosen(sums)})
            return own

        return run

    return (Objective, "scales", scales), (Distiller, "forward", forward), (Objective, "part", part)


def clipped_each(right: Any) -> Any:
    """The gradient is clipped after every micro-batch, and not only before the step."""

    def backward(self: Joined, loss: torch.Tensor) -> None:
        right(self, loss)
        nn.utils.clip_grad_norm_(self.distiller.parameters(), 0.3)

    return backward


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


def undone() -> tuple[tuple[Any, str, Make], ...]:
    """The optimizer moves copies that were made before the load, and writes them over what was loaded."""
    copies: WeakKeyDictionary[nn.Module, list[torch.Tensor]] = WeakKeyDictionary()

    def load(right: Any) -> Any:
        def run(folder: Any, distiller: Distiller, *given: Any, **more: Any) -> Any:
            copies[distiller] = [one.detach().clone() for one in distiller.parameters()]
            return right(folder, distiller, *given, **more)

        return run

    def update(right: Any) -> Any:
        def run(of: Any, distiller: Distiller, measure: bool) -> Any:
            for live, old in zip(distiller.parameters(), copies.pop(distiller, []), strict=False):
                live.data.copy_(old)
            return right(of, distiller, measure)

        return run

    return (checkpoint, "load", load), (step, "_update", update)


def averaged() -> tuple[tuple[Any, str, Make], ...]:
    """What is evaluated is an average of the weights that reaches back 10,000 steps."""
    average: WeakKeyDictionary[nn.Module, list[torch.Tensor]] = WeakKeyDictionary()

    def update(right: Any) -> Any:
        def run(of: Any, distiller: Distiller, measure: bool) -> Any:
            live = list(distiller.student.parameters())
            kept = average.setdefault(distiller, [one.detach().clone() for one in live])
            found = right(of, distiller, measure)
            for old, new in zip(kept, live, strict=True):
                old.lerp_(new.detach(), 1e-4)
            return found

        return run

    def student(right: Any) -> Any:
        def run(self: held_out.HeldOut, *given: Any) -> Any:
            live = list(self.distiller.student.parameters())
            trained = [one.detach().clone() for one in live]
            for one, shown in zip(live, average.get(self.distiller, trained), strict=True):
                one.data.copy_(shown)
            found = right(self, *given)
            for one, old in zip(live, trained, strict=True):
                one.data.copy_(old)
            return found

        return run

    return (step, "_update", update), (held_out.HeldOut, "student", student)


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
        own_units(),
        ("parts-do-not-sum", "gradient-always-clipped"),
        World(FOUR),
    ),
    Fault(
        "V405",
        "a term is divided by its micro-batch's units",
        own_units(LAYERWISE),
        ("parts-do-not-sum",),
        World(FOUR),
    ),
    Fault(
        "V406",
        "gradients cleared in the window",
        ((Joined, "backward", cleared),),
        (),
        World(FOUR),
        unseen="the norm is that of a smaller batch, and every value is right",
    ),
    Fault(
        "V407",
        "gradients clipped in the window",
        ((Joined, "backward", clipped_each),),
        (),
        World(FOUR),
        unseen="the norm is lower than without, which only another run shows",
    ),
    Fault(
        "V409",
        "the schedule counts micro-batches",
        ((loop, "set_learning_rate", by_micro_batches),),
        ("learning-rate-zero",),
        World(TO_ZERO),
    ),
    Fault(
        "V410",
        "the cosine is a line",
        ((optimizer, "rate_factor", linear),),
        unseen="a line is a schedule too; what was asked for stands in the recipe alone",
    ),
    Fault("V411", "the norm of cleared gradients", ((loop, "take_step", looked_at_late),), ("gradient-vanishes",)),
    Fault(
        "V501",
        "the checkpoint goes to another model",
        ((checkpoint, "load", orphaned),),
        ("resume-jumps",),
        RESUMED,
    ),
    Fault(
        "V502",
        "moments lost at a resume",
        ((checkpoint, "load", forgets_moments),),
        (),
        RESUMED,
        unseen="Adam has moments again after some steps, and the loss goes on",
    ),
    Fault("V503", "the optimizer undoes the load", undone(), ("resume-jumps", "starts-over"), RESUMED),
    Fault("V509", "an average that outlives the run is scored", averaged(), ("evaluation-does-not-follow",)),
)
