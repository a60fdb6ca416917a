"""A metric that several real processes compute together, each from its own batches, joined by gloo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch.distributed as dist
from torch import Tensor

from sad.subjects.metric import Metric, Scored
from sad.subjects.processes import on_processes

Reported = Callable[[Sequence[Scored]], Mapping[str, float]]
"""What one process reports, from its own batches and from what it asks of the others. A function of a module."""


def together(reported: Reported) -> Metric:
    """Return the metric that the first of the processes reports; one alone is this one, and asks nobody.

    Raises RuntimeError where one of the processes does.
    """

    def metric(processes: Sequence[Sequence[Scored]]) -> Mapping[str, float]:
        if len(processes) == 1:
            return reported(processes[0])
        first: Mapping[str, float] = on_processes(_own, (reported, processes), len(processes))[0]
        return first

    return metric


def added(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor over the processes."""
    total = tensor.clone()
    if dist.is_initialized():
        dist.all_reduce(total)
    return total


def size() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def _own(given: tuple[Reported, Sequence[Sequence[Scored]]]) -> Mapping[str, float]:
    reported, processes = given
    return reported(processes[dist.get_rank()])
