"""Stand-ins for what a trainer holds besides settings: models, an accelerator, a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sad.judge.dicts import Batch
from sad.judge.names import LOGGING
from sad.judge.stand_in import NeedsAdapterError, nothing
from sad.subjects.divergence import IGNORED


class Accelerator:
    """The part of accelerate's that a loss may use, on one process."""

    num_processes = 1
    is_main_process = True
    device = torch.device("cpu")

    def unwrap_model(self, model: nn.Module, **_: object) -> nn.Module:
        """Return the model."""
        return model

    def gather(self, tensor: Tensor) -> Tensor:
        """Return the tensor."""
        return tensor

    gather_for_metrics = gather

    def backward(self, loss: Tensor, **_: object) -> None:
        """Send the gradient back."""
        loss.backward()  # type: ignore[no-untyped-call]


INNER = ("encoder", "decoder", "generator")
"""Parts of a model that a loss may run by themselves, each on what the one before returned."""


class Inner(nn.Module):
    """A part of a model whose states are its logits: run on those it returns them, and on ids it makes them.

    A generator returns log-probabilities, whose softmax at any temperature is that of the logits.
    """

    def __init__(self, name: str, logits: Tensor) -> None:
        super().__init__()
        self.__dict__["_logits"], self._name = logits, name

    def forward(self, first: Any, *_: Any, **__: Any) -> Tensor:  # noqa: ANN401 - ids or states
        """Return the logits, or the logarithms of their probabilities. Raises NeedsAdapterError for other states."""
        logits: Tensor = self.__dict__["_logits"]
        logits = logits if torch.is_grad_enabled() else logits.detach()
        if isinstance(first, Tensor) and first.is_floating_point():
            if first.shape != logits.shape:
                raise NeedsAdapterError(f"it runs the {self._name} of a model on states of a width of their own")
            logits = first
        return logits.log_softmax(dim=-1) if self._name == INNER[-1] else logits


def inner(name: str, logits: Tensor) -> Inner | None:
    """Return the part of a model with these logits; None where it has none of that name."""
    return Inner(name, logits) if name in INNER else None


class Head(nn.Module):
    """An output layer without a bias."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, states: Tensor) -> Tensor:
        """Return the logits [..., vocab] of states [..., width]."""
        return states @ self.weight.T


def is_called(name: str, text: str) -> bool:
    """Whether a source takes an output weight as the layer that has it."""
    return bool(re.search(rf"\b{name}\(|\b{name}\s*:\s*[\w.]*(?:Module|Linear)\b", text))


class Marked:
    """A tokenizer of which the padding mark alone is known: labels have it, -100, where a row does not count.

    One that is asked for the id that stands where a label is none has ``pad``.
    """

    def __init__(self, pad: int = IGNORED) -> None:
        self.pad_token_id = pad

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - anything
        if name.startswith("__"):
            raise AttributeError(name)
        raise NeedsAdapterError(f"it reads tokenizer.{name}, whose meaning is not known")


PUT = re.compile(
    r"(?:==\s*\(?-100\)?|IGNORE\w*)[^=\n]{0,20}[\])]?\s*(?:\]\s*=|,)[^=\n]*pad|-100[^=\n]{0,10},[^=\n]*pad_(?:token_)?id"
)
"""Where a source puts a padding's id for a label that is none."""


def pad_for(text: str) -> int:
    """Return the padding's id of a tokenizer: one of the vocabulary where the source puts it for labels of -100."""
    return 0 if PUT.search(text) else IGNORED


def trainer_parts(teacher: Callable[[], nn.Module], student: Callable[[], nn.Module]) -> dict[str, Any]:
    """Return what a trainer's method finds on its ``self`` besides settings."""
    parts: dict[str, Any] = {"accelerator": Accelerator(), "device": torch.device("cpu"), "state": Batch(global_step=1)}
    parts |= dict.fromkeys(("tokenizer", "processing_class"), Marked()) | dict.fromkeys(LOGGING, nothing)
    parts |= dict.fromkeys(("student_model", "student", "model"), student())
    parts["teacher_models"] = [teacher()]
    return parts | dict.fromkeys(("teacher_model", "teacher", "ref_model"), teacher())
