"""A loss that works out its gradient itself, and returns it beside a value that has none, or sends it back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sad.judge.output import NAMES

BACK = re.compile(r"^[^#\n]*\.backward\(", re.MULTILINE)
"""Where a source sends a gradient back itself, as the step of a trainer does; a comment may only speak of it."""


def with_own_gradient(returned: Any, logits: Iterable[Any]) -> Tensor | None:  # noqa: ANN401 - what a loss returns
    """Return a scalar with the value and the gradient that were returned; None where a gradient is not among them.

    ``logits`` are the tensors that it was given as the student's; the gradient is what has the shape of one of them.
    """
    if isinstance(returned, Mapping):
        value = next((returned[name] for name in NAMES if name in returned), None)
        parts = tuple(part for name, part in returned.items() if "grad" in str(name))
    elif isinstance(returned, Sequence) and len(returned) > 1:
        value, parts = returned[0], tuple(returned[1:])
    else:
        return None
    if not isinstance(value, Tensor) or value.numel() != 1 or value.requires_grad:
        return None
    for given in (one for one in logits if isinstance(one, Tensor) and one.requires_grad):
        for part in parts:
            if isinstance(part, Tensor) and part.shape == given.shape and part.ndim > 1:
                through = torch.where(part == 0, 0.0, (given - given.detach()) * part.detach())
                return value.detach().reshape(()) + through.sum().to(value.dtype)
    return None


def apart(logits: Tensor, text: str) -> Tensor:
    """Return a leaf in place of logits where a source sends its gradient back itself, and the logits elsewhere."""
    sends = BACK.search(text) and logits.requires_grad
    return logits.detach().clone().requires_grad_() if sends else logits


def sent_back(value: Tensor, logits: Tensor, leaf: Tensor) -> Tensor:
    """Return a loss that has no graph with the gradient that it sent back to a leaf, as one of the logits."""
    if leaf is logits or leaf.grad is None or value.requires_grad:
        return value
    through = torch.where(leaf.grad == 0, 0.0, (logits - logits.detach()) * leaf.grad)
    return value.detach() + through.sum().to(value.dtype)
