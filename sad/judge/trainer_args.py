"""What the arguments of transformers' `Trainer` are where a run sets none."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

import torch

KNOWN: Final[dict[str, object]] = {
    # of older releases, and what is no field but worked out: a run on one processor
    "past_index": -1,
    "n_gpu": 1,
    "device": torch.device("cpu"),
    "process_index": 0,
    "local_process_index": 0,
    "gradient_accumulation_steps": 1,
    "label_smoothing_factor": 0.0,
    "fp16": False,
    "bf16": False,
    "logging_steps": 500,
}
"""Arguments that are known without transformers."""


def has(name: str) -> bool:
    """Whether it is an argument of a training, one that has a default."""
    return name in KNOWN or name in _fields()


def default(name: str) -> object:
    """Return its default. Raises KeyError where it is none."""
    return KNOWN[name] if name in KNOWN else _fields()[name]


def known(name: str, of: str, configs: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """Return the defaults of what is kept as ``of``: those of the user's own, and transformers' of this name."""
    theirs = {name: default(name)} if of.endswith("args") and has(name) else {}
    return {**theirs, **configs.get(of.rpartition(".")[2], {})}


def _fields() -> dict[str, object]:
    """The plain defaults of `TrainingArguments`, where the code that is judged has imported them; else none."""
    module = sys.modules.get("transformers.training_args")
    made = getattr(getattr(module, "TrainingArguments", None), "__dataclass_fields__", {})
    return {n: f.default for n, f in made.items() if isinstance(f.default, int | float | str | None)}
