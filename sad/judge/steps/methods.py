"""Which method of a class is its step, and of a step that only returns its loss, which of its results that is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sad.judge.judging import Code, source
from sad.judge.stand_in import NeedsAdapterError

STEPS = (
    *("train_step", "training_step", "train_batch", "train", "fit", "train_epoch", "train_one_epoch", "train_model"),
    *("run", "distill", "train_loop", "_train_epoch", "_train_step", "__call__", "forward"),
)
"""The names of methods that train, what is meant first."""
STEPPED = re.compile(r"\.backward\(|\.step\(|\.minimize\(")
"""Where a source takes its own step, or adds its own gradients."""
LOSSES = ("loss", "total_loss", "train_loss")


def named_method(of: type) -> str:
    """Return the name of the method that trains. Raises UserError where there is none."""
    own = [base for base in of.__mro__ if base is not object and not base.__module__.startswith(("torch.", "sad."))]
    found = next((name for name in STEPS if any(name in vars(base) for base in own)), "")
    if not found or (found == "forward" and not issubclass(of, torch.nn.Module)):
        raise NeedsAdapterError("it has no method train_step or train: name one, as in Class.method")
    return found


def loss_of(returned: Any) -> Tensor:  # noqa: ANN401 - that is the question
    """Return the loss in what a step returned: it, the entry of that name, or the first number with a gradient.

    Raises UserError where there is none.
    """
    if isinstance(returned, Mapping) or hasattr(returned, "loss"):
        named = returned if isinstance(returned, Mapping) else vars(returned)
        returned = [named[name] for name in LOSSES if name in named]
    parts: Iterable[Any] = returned if isinstance(returned, list | tuple) else [returned]
    for one in parts:
        if isinstance(one, Tensor) and one.numel() == 1 and one.requires_grad:
            return one.reshape(())
    raise NeedsAdapterError("it takes no optimizer and no step, and returns no loss with a gradient")


def trained(made: Any, student: torch.nn.Module) -> list[Tensor]:  # noqa: ANN401 - an object of theirs
    """Return the weights that a class trains: those of its own optimizer, else all of its student's."""
    try:
        told = made.configure_optimizers()
    except Exception:
        return list(student.parameters())
    return _weights(told) or list(student.parameters())


def _weights(told: Any) -> list[Tensor]:  # noqa: ANN401 - an optimizer, or optimizers in any form that Lightning takes
    if isinstance(told, torch.optim.Optimizer):
        return [one for group in told.param_groups for one in group["params"]]
    if isinstance(told, Mapping):
        return _weights(told.get("optimizer"))
    if isinstance(told, list | tuple) and told:
        return _weights(told[0])
    return []


def with_methods(code: Code) -> str:
    """Return the source of a step, with those of the methods that it calls on itself."""
    of = code.target if isinstance(code.target, type) else code.owner
    target = getattr(of, named_method(of)) if of is not None and of is code.target else code.target
    text = source(replace(code, target=target))
    called = {name for name in re.findall(r"\bself\.(\w+)\(", text) if callable(getattr(of, name, None))}
    return "\n".join([text, *(source(replace(code, target=getattr(of, name))) for name in sorted(called))])
