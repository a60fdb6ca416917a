"""Stands for the Fabric of Lightning on one process: what it wraps, moves or gathers is there already."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

FABRICS = ("fabric",)
"""The names of a parameter that is one."""


class Fabric:
    """The part of Lightning's that loops and evaluations use."""

    device = torch.device("cpu")
    global_rank = local_rank = node_rank = 0
    world_size = 1
    is_global_zero = True
    logger = None

    def print(self, *_: object, **__: object) -> None:
        """Write nothing."""

    log = log_dict = barrier = save = call = seed_everything = print

    def backward(self, tensor: Tensor, *given: Any, **named: Any) -> None:  # noqa: ANN401 - what autograd takes
        """Add a loss' gradients."""
        named.pop("model", None)
        torch.autograd.backward(tensor, *given, **named)

    def clip_gradients(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,  # noqa: ARG002 - Lightning's own signature
        clip_val: float | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        error_if_nonfinite: bool = True,
    ) -> Tensor | None:
        """Clip the gradients of a module: each number to ``clip_val``, or their norm to ``max_norm``."""
        if clip_val is not None:
            nn.utils.clip_grad_value_(module.parameters(), clip_val)
            return None
        assert max_norm is not None, "one of both is given"
        return nn.utils.clip_grad_norm_(module.parameters(), max_norm, norm_type, error_if_nonfinite)

    def no_backward_sync(self, module: nn.Module, enabled: bool = True) -> AbstractContextManager[None]:  # noqa: ARG002 - Lightning's own signature
        """Return a context that does nothing: one process has nothing to sync."""
        return nullcontext()

    def autocast(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: the models stay in the precision that they have."""
        return nullcontext()

    def all_reduce(self, data: Any, *_: object, **__: object) -> Any:  # noqa: ANN401 - tensors
        """Return what one process has."""
        return data

    all_gather = broadcast = to_device = all_reduce

    def setup(self, *given: Any, **_: object) -> Any:  # noqa: ANN401 - models and optimizers
        """Return what is given, as it is."""
        return given[0] if len(given) == 1 else given

    setup_module = setup_optimizers = setup_dataloaders = setup

    def launch(self, function: Any = None, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - what it returns
        """Call a function with itself and what is given."""
        return function(self, *given, **named) if function is not None else None
