"""The tensors that the parts of a training pass on, and the meaning of every axis.

``batch``     rows of a micro-batch: a text each (a window of a document), or several that do not see each other
``length``    tokens of one model's reading of a row, padded on the right
``target``    student tokens that are predicted: one row per label, over the whole micro-batch
``boundary``  positions at which both models have read exactly the same bytes, and the student has a label
``vocab``     tokens of one tokenizer;  ``width``  features of a hidden state
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

KD, LM, ALM, LAYERWISE, ATTENTION, CONTRASTIVE = "kd", "lm", "alm", "layerwise", "attention", "contrastive"
AT_BOUNDARIES = (KD, ALM, LAYERWISE, ATTENTION, CONTRASTIVE)
"""Terms whose units are common boundaries; those of LM are the student's labels."""


class Sum(NamedTuple):
    """What a term returns: a sum over units, never a mean, and how many units.

    The objective divides once, by the count over all micro-batches and processes of the optimizer
    step, so that the loss does not depend on padding, on the split into batches or on the devices.
    """

    total: Float[Tensor, ""]
    units: int


def widest(device: torch.device) -> torch.dtype:
    """Return the type to add up in on a device: float64, or float32 on Apple's GPUs, which have no other."""
    return torch.float32 if device.type == "mps" else torch.float64


Part = TypeVar("Part", "Tokens", "Targets", "Boundaries")


def moved(part: Part, move: Callable[[Tensor], Tensor]) -> Part:
    """Return the same with every tensor moved; what is None stays None."""
    tensors = {f.name: getattr(part, f.name) for f in fields(part)}
    return replace(part, **{name: move(one) for name, one in tensors.items() if one is not None})


@dataclass(frozen=True, slots=True)
class Tokens:
    """One model's reading of the texts; ``attention_mask`` is 1 on tokens and 0 on padding.

    Where rows hold several texts, ``text`` numbers them in each row from 1 on, 0 on padding, and ``position_ids``
    begin anew with each. Both are None where a row is one text.
    """

    input_ids: Int[Tensor, "batch length"]
    attention_mask: Int[Tensor, "batch length"]
    position_ids: Int[Tensor, "batch length"] | None = None
    text: Int[Tensor, "batch length"] | None = None

    def to(self, device: torch.device | str) -> Tokens:
        """Return the same tokens on ``device``."""
        return moved(self, lambda t: t.to(device, non_blocking=True))


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels: the model's state at (``row``, ``position``) predicts ``token``, which stands at ``position + 1``."""

    row: Int[Tensor, " target"]
    position: Int[Tensor, " target"]
    token: Int[Tensor, " target"]

    def __len__(self) -> int:
        return int(self.row.shape[0])

    def to(self, device: torch.device | str) -> Targets:
        """Return the same targets on ``device``."""
        return moved(self, lambda t: t.to(device, non_blocking=True))


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Common boundaries: after (``row``, ``student``) and after (``row``, ``teacher``) the same bytes have been read.

    ``target`` is the index of the student's position among the batch's targets. ``text`` numbers the batch's texts,
    where rows may hold several; None where each row is one.
    """

    row: Int[Tensor, " boundary"]
    student: Int[Tensor, " boundary"]
    teacher: Int[Tensor, " boundary"]
    target: Int[Tensor, " boundary"]
    text: Int[Tensor, " boundary"] | None = None

    @property
    def texts(self) -> Int[Tensor, " boundary"]:
        """The text of each boundary: two with one number lie in one text."""
        return self.row if self.text is None else self.text

    def __len__(self) -> int:
        return int(self.row.shape[0])

    def to(self, device: torch.device | str) -> Boundaries:
        """Return the same boundaries on ``device``."""
        return moved(self, lambda t: t.to(device, non_blocking=True))


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch of texts as both models read them.

    Both sets of targets cover the same ``byte_count`` bytes, so bits per byte compare across tokenizers.
    ``numbers`` index its examples, in the order of ``boundaries``, for the lookup in a cache.
    """

    student: Tokens
    teacher: Tokens
    targets: Targets
    teacher_targets: Targets
    boundaries: Boundaries
    byte_count: int
    numbers: tuple[int, ...] = ()

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch on ``device``. Copies from pinned memory do not wait."""
        return self._each(lambda part: part.to(device))

    def pinned(self) -> Batch:
        """Return the same batch in pinned memory, from which a GPU copies asynchronously."""
        return self._each(lambda part: moved(part, lambda t: t.pin_memory()))

    def _each(self, change: Callable[[Any], Any]) -> Batch:
        parts = [f.name for f in fields(self) if f.name not in ("byte_count", "numbers")]
        return replace(self, **{name: change(getattr(self, name)) for name in parts})

    def read(self) -> tuple[int, int]:
        """Student tokens without padding, and the texts that they are of; a batch without labels counts for nothing."""
        if not len(self.targets):
            return 0, 0
        mask, text = self.student.attention_mask, self.student.text
        return int(mask.sum()), len(mask) if text is None else int(text.amax(dim=1).sum())

    def counts(self) -> dict[str, int]:
        """Units of each term in this micro-batch, known before any forward pass."""
        return {LM: len(self.targets), **dict.fromkeys(AT_BOUNDARIES, len(self.boundaries))}
