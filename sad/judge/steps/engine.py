"""Stands for the engine of DeepSpeed on one process: it scales a loss, counts micro-batches, and takes the steps.

Accelerate is there, and is made anew.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

ENGINES = ("model_engine", "ds_engine", "engine_model")
"""The names of a parameter that is one."""
MODEL_BACKWARD = re.compile(r"\b(model|student|student_model|model_engine|ds_engine|self\.model)\.backward\(")
"""Where a model is asked for what only an engine has."""


class Engine(nn.Module):
    """A model with its optimizer: `backward` divides by the micro-batches of a step, and the last one's `step` is one.

    So DeepSpeed does where ``gradient_accumulation_steps`` is set: whoever divides too divides twice.
    """

    def __init__(self, inner: nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any, window: int) -> None:  # noqa: ANN401 - torch's schedulers
        super().__init__()
        self.module = inner
        self.optimizer, self.lr_scheduler = optimizer, scheduler
        self.window, self.micro_steps, self.global_steps = window, 0, 0
        self.config, self.device, self.dtype = getattr(inner, "config", None), torch.device("cpu"), torch.float64
        self.local_rank = self.global_rank = 0

    def forward(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the model takes and returns
        """Return what the model does."""
        return self.module(*given, **named)

    def backward(self, loss: Tensor, *_: object, **__: object) -> Tensor:
        """Add the gradients of a loss, divided by the micro-batches of a step."""
        torch.autograd.backward(loss / self.window)
        return loss

    def step(self, *_: object, **__: object) -> None:
        """Count a micro-batch; take a step at the last one of a window."""
        if self.is_gradient_accumulation_boundary():
            self.optimizer.step()
            self.lr_scheduler.step()
            self.optimizer.zero_grad()
            self.global_steps += 1
        self.micro_steps += 1

    def zero_grad(self, *_: object, **__: object) -> None:
        """Leave gradients to the step, as DeepSpeed does within a window."""

    def gradient_accumulation_steps(self) -> int:
        """Return the micro-batches of a step."""
        return self.window

    def is_gradient_accumulation_boundary(self) -> bool:
        """Whether this micro-batch is the last one of its window."""
        return (self.micro_steps + 1) % self.window == 0


def accelerated(window: int) -> Any:  # noqa: ANN401 - accelerate's
    """Return the accelerator of accelerate, on this process, as if none had been made before."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    return Accelerator(cpu=True, gradient_accumulation_steps=window)
