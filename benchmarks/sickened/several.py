"""Bugs of several processes: what is averaged, counted and joined. Two are started, joined by gloo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator

from sad import evaluate
from sad.train import held_out
from sad.train.processes import devices
from sad.train.processes.gradients import Joined
from sickened.fault import Fault, Make, World
from sickened.steps import own_units

TWO = World(processes=2)
Reduce = Callable[[dict[str, float]], dict[str, float]]
"""From one process's sums to those of all."""


def averaged(_right: Any) -> Any:
    """The mean over processes is taken for their sum."""

    def backward(self: Joined, loss: torch.Tensor) -> None:
        self._accelerator.backward(loss)

    return backward


def around(right: Any) -> Any:
    """The module inside is called, and not the wrapper that joins the processes."""

    def prepare(accelerator: Accelerator, *given: Any) -> Any:
        wrapped, optimizer = right(accelerator, *given)
        return accelerator.unwrap_model(wrapped), optimizer

    return prepare


def means_of_processes(right: Any) -> Any:
    """The agreement is the mean of those of the processes."""

    def scores(distiller: Any, batches: Any, objective: Any, reduce: Reduce = evaluate._alone) -> Any:
        def means(totals: dict[str, float]) -> dict[str, float]:
            mean = totals["own/agree"] / max(1.0, totals["units/own/kl"])
            found = reduce(totals | {"own/agree": mean, "processes": 1.0})
            return found | {"own/agree": found["own/agree"] / found["processes"] * found["units/own/kl"]}

        return right(distiller, batches, objective, means)

    return scores


def own_counts(right: Any) -> Any:
    """Sums are added over the processes, counts are not."""

    def scores(distiller: Any, batches: Any, objective: Any, reduce: Reduce = evaluate._alone) -> Any:
        def sums(totals: dict[str, float]) -> dict[str, float]:
            return reduce(totals) | {name: value for name, value in totals.items() if name.startswith("units/")}

        return right(distiller, batches, objective, sums)

    return scores


def evaluated(make: Make) -> tuple[tuple[Any, str, Make], ...]:
    return (evaluate, "evaluate", make), (held_out, "evaluate", make)


FAULTS = (
    Fault(
        "V402",
        "the mean of the processes' means",
        (*own_units(), (Joined, "backward", averaged)),
        ("parts-do-not-sum",),
        TWO,
    ),
    Fault(
        "V403",
        "a sum that is averaged once more",
        ((Joined, "backward", averaged),),
        (),
        TWO,
        unseen="the norm is half of what it is on one process: only a run on another number of them shows it",
    ),
    Fault(
        "V404",
        "a forward pass around the wrapper",
        ((devices, "prepare", around),),
        (),
        TWO,
        unseen="the first process writes the log, and its curves are those of a run on half of the text",
    ),
    Fault(
        "V703",
        "a mean over processes of an agreement",
        evaluated(means_of_processes),
        (),
        TWO,
        unseen="it is a plausible share; a run on another number of processes has another",
    ),
    Fault(
        "V705",
        "sums of all, counts of one",
        evaluated(own_counts),
        ("evaluation-objective-differs",),
        TWO,
    ),
)
