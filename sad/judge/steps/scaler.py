"""Scalers of gradients: that of timm, which is called with a loss and its optimizer, in 64 bits, so that nothing is
scaled; and those of torch that a program makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

LOSS_SCALERS = ("loss_scaler", "amp_scaler", "native_scaler")
"""The names of a parameter that is one."""


SCALE = 1024.0
"""What a scaler of gradients multiplies a loss by: a power of two, so that nothing is rounded."""
MAKES_SCALER = re.compile(r"\bGradScaler\(")
"""Where a source makes one."""
HALF = re.compile(r"(use_)?(amp|fp16|half|mixed_precision|half_precision|automatic_mixed_precision)")
"""A switch that puts one to work."""


@contextmanager
def scaling() -> Iterator[None]:
    """As long as it is open, a scaler of torch that is made works on the processor too, by one scale."""
    kind: Any = torch.amp.GradScaler
    made = kind.__init__

    def init(self: Any, *_: object, enabled: bool = True, **__: object) -> None:  # noqa: ANN401 - torch's
        made(self, "cpu", init_scale=SCALE, growth_interval=10**9, enabled=enabled)

    kind.__init__ = init
    try:
        yield
    finally:
        kind.__init__ = made


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
