"""The tensors that travel, and the legend of every axis.

``batch``     texts in a micro-batch (windows of documents)
``length``    tokens of one model's reading of a text, padded on the right
``target``    student tokens that are predicted: one row per label, over the whole micro-batch
``boundary``  places where both models have read exactly the same bytes, and the student has a label
``vocab``     tokens of one tokenizer;  ``width``  features of a hidden state
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

KD, LM, LAYERWISE, CONTRASTIVE = "kd", "lm", "layerwise", "contrastive"


class Sum(NamedTuple):
    """What a term returns: a sum over units, never a mean, and how many units.

    The objective divides once, by the count over all micro-batches and processes of the optimizer
    step, so that the loss does not depend on padding, on the split into batches or on the devices.
    """

    total: Float[Tensor, ""]
    units: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """One model's reading of the texts; ``attention_mask`` is 1 on tokens and 0 on padding."""

    input_ids: Int[Tensor, "batch length"]
    attention_mask: Int[Tensor, "batch length"]

    def to(self, device: torch.device | str) -> Tokens:
        """Return the same tokens on ``device``."""
        return replace(
            self,
            input_ids=self.input_ids.to(device, non_blocking=True),
            attention_mask=self.attention_mask.to(device, non_blocking=True),
        )


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
        return replace(self, **{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Common boundaries: after (``row``, ``student``) and after (``row``, ``teacher``) the same bytes have been read.

    ``target`` is the index of the student's position among the batch's targets.
    """

    row: Int[Tensor, " boundary"]
    student: Int[Tensor, " boundary"]
    teacher: Int[Tensor, " boundary"]
    target: Int[Tensor, " boundary"]

    def __len__(self) -> int:
        return int(self.row.shape[0])

    def to(self, device: torch.device | str) -> Boundaries:
        """Return the same boundaries on ``device``."""
        return replace(self, **{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch of texts as both models read them.

    Both sets of targets cover the same ``byte_count`` bytes, so bits per byte compare across tokenizers.
    ``numbers`` are those of its examples, in the order of ``boundaries``, where something is looked up by them.
    """

    student: Tokens
    teacher: Tokens
    targets: Targets
    teacher_targets: Targets
    boundaries: Boundaries
    byte_count: int
    numbers: tuple[int, ...] = ()

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch on ``device``."""
        moved = {
            f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name not in ("byte_count", "numbers")
        }
        return replace(self, **moved)

    def counts(self) -> dict[str, int]:
        """Units of each term in this micro-batch, known before any forward pass."""
        return {LM: len(self.targets), **dict.fromkeys((KD, LAYERWISE, CONTRASTIVE), len(self.boundaries))}
