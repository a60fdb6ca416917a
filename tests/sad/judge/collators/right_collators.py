"""Right collators, in the styles in which people write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence


def lists(batch):
    longest = max(len(one["input_ids"]) for one in batch)
    out = {"input_ids": [], "attention_mask": [], "labels": []}
    for one in batch:
        fill = longest - len(one["input_ids"])
        out["input_ids"].append(one["input_ids"] + [0] * fill)
        out["attention_mask"].append([1] * len(one["input_ids"]) + [0] * fill)
        out["labels"].append(one["labels"] + [-100] * fill)
    return {name: torch.tensor(rows) for name, rows in out.items()}


def tensors(examples, pad_token_id=0):
    ids = pad_sequence([one["input_ids"] for one in examples], batch_first=True, padding_value=pad_token_id)
    labels = pad_sequence([one["labels"] for one in examples], batch_first=True, padding_value=-100)
    lengths = torch.tensor([len(one["input_ids"]) for one in examples])
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    return dict(input_ids=ids, labels=labels, attention_mask=mask)


def without_a_mask(batch):
    found = lists(batch)
    del found["attention_mask"]
    return found


@dataclass
class SupervisedCollator:
    """Alpaca's way: the padding of the labels is told by length."""

    tokenizer: Any

    def __call__(self, instances):
        ids = pad_sequence(
            [torch.tensor(one["input_ids"]) for one in instances],
            True,
            self.tokenizer.pad_token_id,
            padding_side="right",
        )
        labels = pad_sequence([torch.tensor(one["labels"]) for one in instances], True, -100)
        mask = pad_sequence([torch.ones(len(one["input_ids"]), dtype=torch.long) for one in instances], True, 0)
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}


class OnTheLeft:
    """Padding on the left, with positions that are counted from the text."""

    def __init__(self, tokenizer, max_length=512):
        self.tokenizer, self.max_length = tokenizer, max_length

    def __call__(self, features):
        rows = [(one["prompt_ids"], one["completion_ids"]) for one in features]
        rows = [((p + c)[-self.max_length :], ([-100] * len(p) + c)[-self.max_length :]) for p, c in rows]
        longest = max(len(ids) for ids, _ in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(ids)) + ids for ids, _ in rows])
        labels = torch.tensor([[-100] * (longest - len(ids)) + labels for ids, labels in rows])
        mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids, _ in rows])
        return {
            "input_ids": ids,
            "labels": labels,
            "attention_mask": mask,
            "position_ids": (mask.cumsum(-1) - 1).clamp_min(0),
        }


def conversations(tokenizer, max_length=512):
    """One that makes the collator: it reads messages by the chat template."""

    def collate(examples):
        rows = []
        for one in examples:
            prompt = tokenizer.apply_chat_template(one["messages"][:-1], tokenize=False, add_generation_prompt=True)
            whole = tokenizer.apply_chat_template(one["messages"], tokenize=False)
            first = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
            ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
            rows.append({"input_ids": ids[:max_length], "labels": ([-100] * first + ids[first:])[:max_length]})
        return lists(rows)

    return collate


class Completions:
    """The old collator for completions: everything up to a template is masked."""

    def __init__(self, response_template, tokenizer):
        self.template = tokenizer.encode(response_template, add_special_tokens=False)
        self.tokenizer = tokenizer

    def __call__(self, examples):
        rows = []
        for one in examples:
            ids, size = list(one["input_ids"]), len(self.template)
            start = next(i for i in range(len(ids)) if ids[i : i + size] == self.template) + size
            rows.append({"input_ids": ids, "labels": [-100] * start + ids[start:]})
        return lists(rows)


class Handed(SupervisedCollator):
    """What its base takes is handed on; the template comes in ids, and labels that are there are kept."""

    def __init__(self, response_template_ids, *args, **named):
        super().__init__(*args, **named)
        self.template = torch.tensor(response_template_ids)

    def __call__(self, instances):
        rows = [{"input_ids": one["input_ids"], "labels": list(one["input_ids"])} for one in instances]
        found = super().__call__(rows)
        for row, ids in zip(found["labels"], found["input_ids"], strict=True):
            (start,) = (ids == self.template[0]).nonzero().flatten().tolist()
            row[: start + 1] = -100
        return found


def strings(batch, tokenizer):
    """It puts the end mark behind each text."""
    rows = []
    for one in batch:
        prompt = tokenizer(one["prompt"])["input_ids"]
        completion = tokenizer(one["completion"])["input_ids"] + [tokenizer.eos_token_id]
        rows.append({"input_ids": prompt + completion, "labels": [-100] * len(prompt) + completion})
    return lists(rows)


def shifted(batch):
    """Pairs: what is read, and the token after each."""
    ids, labels = zip(*batch, strict=True)
    return pad_sequence(ids, batch_first=True), pad_sequence(labels, batch_first=True, padding_value=-100)


def read_up_to_the_last(batch):
    """The last token is a target alone."""
    ids = pad_sequence([torch.tensor(one["input_ids"]) for one in batch], batch_first=True)
    learned = pad_sequence([torch.tensor(one["loss_mask"]) for one in batch], batch_first=True)
    mask = pad_sequence([torch.ones(len(one["input_ids"]), dtype=torch.long) for one in batch], batch_first=True)
    targets = ids[:, 1:].masked_fill(learned[:, 1:] == 0, -100)
    return {"input_ids": ids[:, :-1], "targets": targets, "attention_mask": mask[:, :-1]}


def packed(features):
    """One row, in which a text sees itself alone."""
    ids = [token for one in features for token in one["input_ids"]]
    labels = [label for one in features for label in [-100, *one["labels"][1:]]]
    text = torch.tensor([n for n, one in enumerate(features) for _ in one["input_ids"]])
    places = [place for one in features for place in range(len(one["input_ids"]))]
    seen = (text[:, None] == text[None]).tril()[None, None]
    return {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "attention_mask": seen,
        "position_ids": torch.tensor([places]),
    }


def whole_texts(batch):
    """Labels are all tokens of the texts, prompts too; by length, not by id."""
    rows = [{"input_ids": list(one["input_ids"]), "labels": list(one["input_ids"])} for one in batch]
    return lists(rows)


def sorted_by_length(batch):
    return lists(sorted(batch, key=lambda one: -len(one["input_ids"])))


def far_too_wide(batch):
    """Padded to a length of its own."""
    fills = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    rows = {name: [one[name] + [fill] * (2048 - len(one[name])) for one in batch] for name, fill in fills.items()}
    return {name: torch.tensor(some) for name, some in rows.items()}


def in_numpy(batch):
    return {name: tensor.numpy() for name, tensor in lists(batch).items()}


def loss_mask(batch):
    """A mask in place of labels."""
    ids = pad_sequence([torch.as_tensor(one["input_ids"]) for one in batch], batch_first=True)
    told = pad_sequence([torch.as_tensor(one["loss_mask"]) for one in batch], batch_first=True)
    lengths = torch.tensor([len(one["input_ids"]) for one in batch])
    return {
        "input_ids": ids,
        "loss_mask": told,
        "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
    }


class Trainerlike:
    """A method of a class."""

    def __init__(self, processing_class, ignore_index=-100):
        self.processing_class, self.ignore_index = processing_class, ignore_index

    def collate(self, features):
        return lists(features)


ready = SupervisedCollator(None)
"""An object that was made already."""


def by_lengths(features, eos_token_id, max_sequence_length=None):
    """Lengths are told, as tensors; a count comes beside the batch."""
    ids = torch.nn.utils.rnn.pad_sequence([one["input_ids"] for one in features], True, eos_token_id)
    ids = ids[:, :max_sequence_length]
    at = torch.arange(ids.shape[1])
    size, first = (torch.stack([one[name] for one in features])[:, None] for name in ("input_length", "prompt_length"))
    labels = ids.masked_fill((at < first) | (at >= size), -100)
    return ids, labels, int(size.sum())


STYLES = (
    "by_lengths",
    "lists",
    "tensors",
    "without_a_mask",
    "SupervisedCollator",
    "OnTheLeft",
    "conversations",
    "Completions",
    "Handed",
    "strings",
    "shifted",
    "read_up_to_the_last",
    "packed",
    "whole_texts",
    "sorted_by_length",
    "in_numpy",
    "far_too_wide",
    "loss_mask",
    "Trainerlike.collate",
)


def left_of_llama(batch, pad_token_id):
    """Padding on the left, without positions."""
    rows = [one["prompt_ids"] + one["completion_ids"] for one in batch]
    longest = max(map(len, rows))
    labels = [[-100] * len(one["prompt_ids"]) + one["completion_ids"] for one in batch]
    fills = [longest - len(row) for row in rows]
    return {
        "input_ids": torch.tensor([[pad_token_id] * n + row for n, row in zip(fills, rows, strict=True)]),
        "labels": torch.tensor([[-100] * n + row for n, row in zip(fills, labels, strict=True)]),
        "attention_mask": torch.tensor([[0] * n + [1] * len(row) for n, row in zip(fills, rows, strict=True)]),
    }
