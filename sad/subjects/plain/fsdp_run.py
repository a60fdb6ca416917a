"""The plain loop with its weights in pieces and an optimizer that remembers, stopped and taken up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.subjects.plain.loop import MicroBatch, Process
from sad.subjects.processes import on_processes
from sad.subjects.trainer import Setup, Trace, joined

MOMENT = "momentum_buffer"


class FsdpRun(FsdpLoop):
    """What is saved is whole, whoever held it, and each process takes of it what it now holds."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        """Where a part of a run is saved, or was."""
        self.start, self.stop = 0, 0
        """The steps that were taken before, and up to which it goes; 0 is to the end."""

    def taken_up(self, setup: Setup, at: int, each: Sequence[Setup]) -> Sequence[Trace]:
        """Stop, and go on with each."""
        with TemporaryDirectory() as made:
            self.folder = Path(made)
            self.start, self.stop = 0, at
            self.run(setup)
            self.start, self.stop = at, 0
            try:
                return [self.run(one) for one in each]
            finally:
                self.folder, self.start = None, 0

    def run(self, setup: Setup) -> Trace:
        """Train, or a part of it."""
        return joined(
            on_processes(self.run_alone, setup, setup.processes) if setup.processes > 1 else [self.run_alone(setup)]
        )

    def run_alone(self, setup: Setup) -> Trace:
        """Train as one of the processes."""
        self.begun = 0
        trace = super().run_alone(setup)
        if self.folder is not None and self.stop:
            self.save(self.folder)
        return trace

    def make_processes(self) -> list[Process]:
        """Return this process, which begins or goes on."""
        (process,) = super().make_processes()
        rate = self.setup.learning_rate
        made = Process(process.model, torch.optim.SGD(process.model.parameters(), lr=rate, momentum=0.9))
        if self.folder is not None and self.start:
            self.load(self.folder, made)
            self.step = self.position = self.start
        return [made]

    def epoch(self, batches: Sequence[MicroBatch]) -> None:
        """Take of the steps of an epoch those that are of this part."""
        size = self.accumulation()
        for first in range(0, len(batches), size):
            self.begun += 1
            if self.start < self.begun <= (self.stop or self.setup.steps):
                super().epoch(batches[first : first + size])

    def saved(self) -> Mapping[str, Tensor]:
        """Return what the first process writes, moments too; every process takes part in gathering it."""
        (process,) = self.processes
        return {**super().saved(), MOMENT: whole(process.optimizer.state[_weight(process)][MOMENT])}

    def save(self, folder: Path) -> None:
        """Write weights and moments."""
        state = dict(self.saved())
        if self.is_first():
            torch.save(state, folder / "state.pt")

    def load(self, folder: Path, process: Process) -> None:
        """Take up what was saved."""
        state, weight = torch.load(folder / "state.pt"), _weight(process)
        with torch.no_grad():
            weight.copy_(like(weight, state["weight"]))
        process.optimizer.state[weight][MOMENT] = self.moment(folder, like(weight, state[MOMENT]))

    def moment(self, folder: Path, saved: Tensor) -> Tensor:  # noqa: ARG002 - for who looks for it elsewhere
        """Return the moments of what this process holds; ``saved`` are those that were saved of it."""
        return saved


def _weight(process: Process) -> Tensor:
    weight: Tensor = process.model.weight  # type: ignore[assignment]
    return weight


def whole(value: Tensor) -> Tensor:
    """Return all of a tensor; every process must ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def like(weight: Tensor, value: Tensor) -> Tensor:
    """Return of a whole tensor what this process holds of the weight."""
    if not isinstance(weight, DTensor):
        return value
    assert dist.is_initialized(), "pieces without other processes"
    return distribute_tensor(value, weight.device_mesh, weight.placements)
