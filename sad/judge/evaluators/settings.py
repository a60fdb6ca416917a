"""What evaluators are given besides models and batches: settings by their names, and predictions with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import torch

from sad.invariants.token_weighted import VOCABULARY
from sad.judge.evaluators.batches import PAD
from sad.judge.fabric import FABRICS, Fabric
from sad.judge.parts import Accelerator
from sad.judge.stand_in import RowLoss
from sad.subjects.text_loss import IGNORED


class Pair(SimpleNamespace):
    """Predictions and labels, as transformers hands them to a metric: by name, by position, and taken apart."""

    def __init__(self, predictions: Any, label_ids: Any) -> None:  # noqa: ANN401 - numpy
        super().__init__(predictions=predictions, label_ids=label_ids, inputs=None)

    def __iter__(self) -> Any:  # noqa: ANN401
        return iter((self.predictions, self.label_ids))

    def __getitem__(self, place: int) -> Any:  # noqa: ANN401
        return (self.predictions, self.label_ids)[place]


SETTINGS: Mapping[str, Any] = {
    "device": "cpu",
    "temperature": 1.0,
    "pad_token_id": PAD,
    "pad_id": PAD,
    "ignore_index": IGNORED,
    "vocab_size": VOCABULARY + 1,
    # each token is one byte
    "token_bytes": torch.ones(VOCABULARY + 1, dtype=torch.long),
    "accelerator": Accelerator(),
    **dict.fromkeys(FABRICS, Fabric()),
    **dict.fromkeys(("rank", "local_rank"), 0),
    "world_size": 1,
    "amp": False,
    "use_amp": False,
    "ctx": nullcontext(),
    "autocast": nullcontext(),
    "autocast_ctx": nullcontext(),
    "criterion": RowLoss(ignore_index=IGNORED),
    "loss_fn": RowLoss(ignore_index=IGNORED),
    "step": 0,
    "global_step": 0,
    "epoch": 0,
}
