"""The plain loop in real processes, joined by gloo: DistributedDataParallel averages the gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from sad.subjects.plain.loop import KD, LM, MicroBatch, PlainLoop, Process, make_model
from sad.subjects.processes import on_processes
from sad.subjects.trainer import Claims, Setup, Trace, joined


class DdpLoop(PlainLoop):
    """One process of several, each of which has a loop of its own."""

    claims = Claims(processes=(1, 2), terms=(KD, LM), noise=1e-10)

    def run(self, setup: Setup) -> Trace:
        """Train in ``setup.processes`` processes; one alone needs no other."""
        own = self.run_alone
        return joined(on_processes(own, setup, setup.processes) if setup.processes > 1 else [own(setup)])

    def run_alone(self, setup: Setup) -> Trace:
        """Train as one of the processes."""
        return super().run(setup)

    def make_processes(self) -> list[Process]:
        """Return this process."""
        model = make_model()
        optimizer = torch.optim.SGD(model.parameters(), lr=self.setup.learning_rate)
        return [Process(DistributedDataParallel(model) if dist.is_initialized() else model, optimizer)]

    def dealt(self, batch: MicroBatch) -> list[tuple[Process, Sequence[int]]]:
        """Return this process with its texts."""
        return [(self.processes[0], batch[dist.get_rank() if dist.is_initialized() else 0])]

    def reduce(self) -> None:
        """Do nothing: the gradients were averaged in the backward pass."""

    def raw(self) -> dict[str, float]:
        """Return each term of the step, over all processes."""
        if dist.is_initialized():
            own = self.processes[0]
            every: list[tuple[list[dict[str, float]], list[int]]] = [([], [])] * dist.get_world_size()
            dist.all_gather_object(every, (own.sums, own.counts))
            own.sums, own.counts = [s for sums, _ in every for s in sums], [c for _, counts in every for c in counts]
        return super().raw()
