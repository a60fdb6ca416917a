"""How the gradients of several processes become one, are clipped and used: by accelerate, or by an engine."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sad.distiller import Distiller
from sad.train import sharded
from sad.train.engine import Engine


class Joined:
    """By accelerate: weights whole on each process, or in pieces that join their gradients by themselves."""

    def __init__(self, accelerator: Accelerator, wrapped: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._accelerator, self._wrapped, self._optimizer = accelerator, wrapped, optimizer
        self.distiller: Distiller = accelerator.unwrap_model(wrapped)

    def passing(self, *, last: bool) -> AbstractContextManager[object]:
        """Return what a forward and a backward pass stand in; only in the ``last`` of a step are gradients joined."""
        found: AbstractContextManager[object] = nullcontext() if last else self._accelerator.no_sync(self._wrapped)
        return found

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss that is a sum over all processes."""
        # processes' gradients are averaged; the sum is wanted
        self._accelerator.backward(loss * self._accelerator.num_processes)

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
    """Return how the gradients of what was prepared are joined."""
    return wrapped if isinstance(wrapped, Engine) else Joined(accelerator, wrapped, optimizer)


def inside(accelerator: Accelerator, wrapped: nn.Module) -> Distiller:
    """Return the distiller in what was prepared."""
    found: Distiller = wrapped.distiller if isinstance(wrapped, Engine) else accelerator.unwrap_model(wrapped)
    return found
