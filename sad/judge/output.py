"""Picks the loss out of what a function returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sad.judge.stand_in import Config

NAMES = ("loss", "total_loss", "kd_loss", "distillation_loss", "distill_loss", "kl_loss", "jsd_loss", "kl", "jsd")


class WrongTypeError(Exception):
    """What was returned is no loss."""


def loss_of(returned: Any) -> tuple[Tensor, str]:  # noqa: ANN401 - that is the question
    """Return the scalar loss, and what was done to find it ('' where it was returned as such).

    Raises ``WrongTypeError`` for what is no number.
    """
    if isinstance(returned, Tensor):
        return _scalar(returned)
    if isinstance(returned, bool) or returned is None or isinstance(returned, str | bytes | Config):
        raise WrongTypeError(f"returns {_what(returned)}, not a tensor")
    if isinstance(returned, int | float):
        return torch.tensor(float(returned)), "a Python number, which has no gradient"
    if isinstance(returned, Mapping):
        name = next((name for name in NAMES if isinstance(returned.get(name), Tensor | float)), None)
        name = name or next((str(key) for key, value in returned.items() if isinstance(value, Tensor)), None)
        if name is None:
            raise WrongTypeError(f"returns a dict without a tensor, keys {', '.join(map(str, list(returned)[:5]))}")
        loss, how = loss_of(returned[name])
        return loss, _joined(f"the entry {name!r} of the dict it returns", how)
    named = next((name for name in NAMES if isinstance(getattr(returned, name, None), Tensor)), None)
    if named:
        loss, how = loss_of(getattr(returned, named))
        return loss, _joined(f"the attribute .{named} of what it returns", how)
    if isinstance(returned, Sequence) and returned:
        loss, how = loss_of(returned[0])
        return loss, _joined(f"the first of {len(returned)} things it returns", how)
    try:
        return torch.tensor(float(returned)), f"{article(type(returned).__name__)}, which has no gradient"
    except (TypeError, ValueError):
        raise WrongTypeError(f"returns {_what(returned)}, not a tensor") from None


def _scalar(tensor: Tensor) -> tuple[Tensor, str]:
    if tensor.ndim == 0:
        how = ""
    elif tensor.numel() == 1:
        tensor, how = tensor.reshape(()), f"the one entry of a tensor of shape {list(tensor.shape)}"
    else:
        # a tensor of no rows sums to zero and keeps its graph
        how = "the sum of the unreduced tensor that it returns, one entry for each row or token"
        tensor = tensor.sum()
    if not tensor.is_floating_point():
        return tensor.double(), _joined(how, f"a tensor of {tensor.dtype}, which has no gradient")
    return tensor, how


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _what(returned: Any) -> str:  # noqa: ANN401 - that is the question
    return "None" if returned is None else article(type(returned).__name__)


def article(name: str) -> str:
    """Return the name of a type with its article."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
