"""Stands for the scaler of timm, which is called with a loss and its optimizer, in 64 bits: nothing is scaled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

LOSS_SCALERS = ("loss_scaler", "amp_scaler", "native_scaler")
"""The names of a parameter that is one."""


class LossScaler:
    """Adds gradients; clips them and takes the step where that is due, and leaves them to be cleared by its caller."""

    def __call__(
        self,
        loss: Tensor,
        optimizer: torch.optim.Optimizer,
        clip_grad: float | None = None,
        clip_mode: str = "norm",
        parameters: Iterable[Tensor] | None = None,
        create_graph: bool = False,
        need_update: bool = True,
        update_grad: bool = True,
    ) -> None:
        """Add the gradients of a loss; `need_update` and `update_grad` are two names of whether a step is due."""
        torch.autograd.backward(loss, create_graph=create_graph)
        if not (need_update and update_grad):
            return
        if clip_grad is not None and parameters is not None:
            by = torch.nn.utils.clip_grad_norm_ if clip_mode == "norm" else torch.nn.utils.clip_grad_value_
            by(parameters, clip_grad)
        optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: there is no scale."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing."""
