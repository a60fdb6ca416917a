"""How gradients are summed over processes, clipped and used: by accelerate, or by DeepSpeed's engine."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sad.distiller import Distiller
from sad.train import loss_scale
from sad.train.processes import sharded
from sad.train.processes.engine import Engine


class Joined:
    """By accelerate: weights replicated on each process (DDP), or sharded (FSDP)."""

    def __init__(self, accelerator: Accelerator, wrapped: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._accelerator, self._wrapped, self._optimizer = accelerator, wrapped, optimizer
        self.distiller: Distiller = accelerator.unwrap_model(wrapped)

    def passing(self, *, last: bool) -> AbstractContextManager[object]:
        """Return the context of a forward and a backward pass; gradients are summed in the ``last`` of a step only."""
        found: AbstractContextManager[object] = nullcontext() if last else self._accelerator.no_sync(self._wrapped)
        return found

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss that is a sum over all processes."""
        # processes' gradients are averaged; the sum is wanted
        self._accelerator.backward(loss * self._accelerator.num_processes)

    def divide(self, scale: float) -> None:
        """Divide the gradient by what its loss was multiplied by."""
        loss_scale.divide(list(self.distiller.parameters()), scale)

    def clip(self, limit: float) -> Tensor:
        """Clip the gradient to a norm of ``limit``; return the norm that it had, float32 []."""
        return sharded.whole(self._accelerator.clip_grad_norm_(self.distiller.parameters(), limit))

    def norm(self, clipped: float) -> float:
        """Return the gradient's norm after the step, ``clipped`` being what :meth:`clip` returned."""
        return clipped

    def step(self) -> None:
        """Update the weights."""
        self._optimizer.step()

    def clear(self) -> None:
        """Forget the gradient, whether it was used or not."""
        self._optimizer.zero_grad()


def joined(accelerator: Accelerator, wrapped: nn.Module, optimizer: torch.optim.Optimizer) -> Joined | Engine:
    """Return the way that fits what was prepared."""
    return wrapped if isinstance(wrapped, Engine) else Joined(accelerator, wrapped, optimizer)


def inside(accelerator: Accelerator, wrapped: nn.Module) -> Distiller:
    """Return the distiller inside of what was prepared."""
    found: Distiller = wrapped.distiller if isinstance(wrapped, Engine) else accelerator.unwrap_model(wrapped)
    return found
