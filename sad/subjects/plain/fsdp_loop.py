"""The plain loop in real processes, joined by gloo, with its weights in pieces: FSDP2 averages the gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.plain.loop import Process, make_model
from sad.subjects.trainer import Setup, Trace


class FsdpLoop(DdpLoop):
    """One process of several, each of which holds some rows of the table; alone it holds them all.

    What it has learned is saved by the first process.
    """

    def run_alone(self, setup: Setup) -> Trace:
        """Train as one of the processes, then save."""
        trace = super().run_alone(setup)
        saved = self.saved()
        return replace(trace, saved=saved if self.is_first() else {})

    def make_processes(self) -> list[Process]:
        """Return this process with its piece."""
        model: nn.Module = make_model()
        if dist.is_initialized():
            fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)), reshard_after_forward=True)
        return [Process(model, torch.optim.SGD(model.parameters(), lr=self.setup.learning_rate))]

    def clip(self, process: Process) -> float:
        """Shorten a gradient that is too long; return the norm that all of it had."""
        norm: Tensor = nn.utils.clip_grad_norm_(process.model.parameters(), self.setup.clip)
        return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)

    def saved(self) -> Mapping[str, Tensor]:
        """Return what the first process writes; every process takes part in gathering it."""
        state = self.processes[0].model.state_dict()
        return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in state.items()}

    @staticmethod
    def is_first() -> bool:
        """Whether this is the process that writes."""
        return not dist.is_initialized() or dist.get_rank() == 0
