"""The forms in which a batch may be given to a step, and the models that each is read by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sad.judge.dicts import Batch
from sad.judge.steps import names
from sad.judge.steps.model import Bare, First, Told
from sad.subjects.text_loss import IGNORED

OTHER_NAMES = {
    "input_ids": ("ids", "inputs", "input", "x", "tokens", "source_ids"),
    "attention_mask": ("mask", "source_mask"),
    "labels": ("targets", "target_ids", "target", "label", "y"),
}


class Named(Batch):
    """A dict that has other names for its keys too: `ids`, `mask`, `targets`."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        key = next((key for key, names in OTHER_NAMES.items() if name in names), "")
        if key:
            return self[key]
        if name == "token_type_ids":
            return torch.zeros_like(self["input_ids"])
        return super().__missing__(name)


CLASSES = "pairs of an example and its class, for models that return logits alone"
CLASSES_OF_DICTS = "dicts with input_ids, attention_mask and labels, a class each, for classifiers"
FORMS: dict[str, Callable[[Batch], Any]] = {
    "dicts with input_ids, attention_mask and labels": lambda some: some,
    "pairs of ids and labels": lambda some: (some["input_ids"], some["labels"]),
    "dicts with source_ids, source_mask, target_ids and target_mask": lambda some: Batch(
        source_ids=some["input_ids"],
        source_mask=some["attention_mask"],
        target_ids=some["labels"],
        target_mask=some["attention_mask"],
    ),
    "triples of ids, mask and labels": lambda some: (some["input_ids"], some["attention_mask"], some["labels"]),
    "pairs of what is read and the token after each": lambda some: (
        some["input_ids"][:, :-1].contiguous(),
        some["labels"][:, 1:].contiguous(),
    ),
    "pairs of what is read and the token after each, for models that return logits alone": lambda some: (
        some["input_ids"][:, :-1].contiguous(),
        some["labels"][:, 1:].contiguous(),
    ),
    "triples of what is read, its mask and the token after each, for models that return logits alone": lambda some: (
        some["input_ids"][:, :-1].contiguous(),
        some["attention_mask"][:, :-1].contiguous(),
        some["labels"][:, 1:].contiguous(),
    ),
    "dicts with what is read, its mask and targets, the token after each, for models that return logits alone": (
        lambda some: Named(
            input_ids=some["input_ids"][:, :-1].contiguous(),
            attention_mask=some["attention_mask"][:, :-1].contiguous(),
            labels=some["labels"][:, 1:].contiguous(),
        )
    ),
    "ids": lambda some: some["input_ids"],
    "ids, for models that return logits alone": lambda some: some["input_ids"],
    CLASSES: lambda some: (some["input_ids"], some["input_ids"][:, 1]),
    "pairs of a text of one token and its class, for models whose last place tells it, that return logits alone": (
        lambda some: (some["input_ids"][:, :1], some["input_ids"][:, 1])
    ),
    CLASSES_OF_DICTS: lambda some: Named(
        input_ids=some["input_ids"], attention_mask=some["attention_mask"], labels=some["input_ids"][:, 1]
    ),
    "triples of dicts: what is read, with its mask; the label after each, with a loss_mask; a prompt": lambda some: (
        Batch(input_ids=some["input_ids"][:, :-1], attention_mask=some["attention_mask"][:, :-1]),
        Batch(label=some["labels"][:, 1:].contiguous(), loss_mask=(some["labels"][:, 1:] != IGNORED).double()),
        Batch(input_ids=some["input_ids"][:, :1], attention_mask=some["attention_mask"][:, :1]),
    ),
}
"""How a batch may be given."""


def wrapped(form: str, model: nn.Module) -> nn.Module:
    """Return a model as steps of a form call it: one that returns its logits alone, a classifier, or itself."""
    if form == CLASSES:
        return First(model)
    if form == CLASSES_OF_DICTS:
        return Told(model)
    return Bare(model) if form.endswith("logits alone") else model


def parts(one: Any) -> dict[str, Any]:  # noqa: ANN401 - a batch of any form
    """Return what is read, its mask and its labels, by the names of a step that takes them apart."""
    if not isinstance(one, tuple):
        masks = dict.fromkeys(names.MASKS, one["attention_mask"])
        return {
            **dict.fromkeys(names.BATCHES, one["input_ids"]),
            **dict.fromkeys(names.LABELS, one["labels"]),
            **masks,
        }
    *read, labels = one
    of = read[0] if len(read) == 1 else tuple(read)
    return {**dict.fromkeys(names.BATCHES, of), **dict.fromkeys(names.LABELS, labels)}
