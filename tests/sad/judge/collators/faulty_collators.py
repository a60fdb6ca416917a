"""Collators with one fault each."""

from __future__ import annotations

import time

import torch
from torch.nn.utils.rnn import pad_sequence


def _padded(rows, fill, left=False):
    longest = max(map(len, rows))
    return torch.tensor(
        [[fill] * (longest - len(r)) + list(r) if left else list(r) + [fill] * (longest - len(r)) for r in rows]
    )


def _batch(rows, labels, pad, left=False):
    mask = _padded([[1] * len(row) for row in rows], 0, left)
    return {
        "input_ids": _padded(rows, pad, left),
        "labels": _padded(labels, -100, left),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(-1) - 1).clamp_min(0),
    }


def _plain(batch, pad, left=False):
    return _batch([one["input_ids"] for one in batch], [one["labels"] for one in batch], pad, left)


def end_masked(batch, pad_token_id):
    """Labels that equal the padding mark are masked."""
    found = _plain(batch, pad_token_id)
    found["labels"][found["labels"] == pad_token_id] = -100
    return found


def padding_is_learned(batch, pad_token_id):
    found = _plain(batch, pad_token_id)
    found["labels"] = found["input_ids"].clone()
    return found


def shifted_here_too(batch, pad_token_id):
    found = _plain(batch, pad_token_id)
    labels = found["labels"]
    found["labels"] = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], dim=1)
    return found


def mask_by_id(batch, pad_token_id):
    found = _plain(batch, pad_token_id)
    found["attention_mask"] = (found["input_ids"] != pad_token_id).long()
    return found


def all_ones(batch, pad_token_id):
    found = _plain(batch, pad_token_id, left=True)
    found["attention_mask"] = torch.ones_like(found["input_ids"])
    return found


def labels_on_the_other_side(batch, pad_token_id):
    found = _plain(batch, pad_token_id, left=True)
    found["labels"] = _padded([one["labels"] for one in batch], -100)
    return found


def prompt_by_column(batch, pad_token_id):
    """The longest prompt of the batch is cut from every text."""
    rows = [one["prompt_ids"] + one["completion_ids"] for one in batch]
    found = _batch(rows, rows, pad_token_id)
    found["labels"][:, : max(len(one["prompt_ids"]) for one in batch)] = -100
    return found


def loses_the_end(batch, pad_token_id):
    rows = [{"input_ids": one["input_ids"][:-1], "labels": one["labels"][:-1]} for one in batch]
    return _plain(rows, pad_token_id)


def labels_in_another_order(batch, pad_token_id):
    order = sorted(batch, key=lambda one: len(one["input_ids"]))
    found = _plain(order, pad_token_id)
    found["labels"] = _plain(batch, pad_token_id)["labels"]
    return found


def packed_blindly(batch):
    ids = [token for one in batch for token in one["input_ids"]]
    labels = [label for one in batch for label in one["labels"]]
    return {"input_ids": torch.tensor([ids]), "labels": torch.tensor([labels])}


def changes_its_features(batch, pad_token_id):
    longest = max(len(one["labels"]) for one in batch)
    for one in batch:
        one["labels"] += [-100] * (longest - len(one["labels"]))
    ids = _padded([one["input_ids"] for one in batch], pad_token_id)
    length = max(longest, ids.shape[1])
    ids = torch.nn.functional.pad(ids, (0, length - ids.shape[1]), value=pad_token_id)
    mask = _padded([[1] * len(one["input_ids"]) + [0] * (length - len(one["input_ids"])) for one in batch], 0)
    return {"input_ids": ids, "labels": torch.tensor([one["labels"] for one in batch]), "attention_mask": mask}


class CutsApart:
    """Ids are cut at the end, labels at the beginning."""

    def __init__(self, pad_token_id, max_length):
        self.pad, self.longest = pad_token_id, max_length

    def __call__(self, batch):
        rows = [one["input_ids"][: self.longest] for one in batch]
        return _batch(rows, [one["labels"][-self.longest :] for one in batch], self.pad)


class EndsEveryCut:
    """What is cut gets an end mark."""

    def __init__(self, tokenizer, max_length):
        self.tokenizer, self.longest = tokenizer, max_length

    def __call__(self, batch):
        rows, labels = [], []
        for one in batch:
            cut = len(one["input_ids"]) > self.longest
            end = [self.tokenizer.eos_token_id] if cut else []
            rows.append(one["input_ids"][: self.longest - len(end)] + end)
            labels.append(one["labels"][: self.longest - len(end)] + end)
        return _batch(rows, labels, self.tokenizer.pad_token_id)


class WithTokenizer:
    """Right on the right; on the left its labels stay where they were."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, features):
        rows = [{"input_ids": one["input_ids"]} for one in features]
        found = dict(self.tokenizer.pad(rows, return_tensors="pt"))
        found["labels"] = _padded([one["labels"] for one in features], -100)
        return found


def drops_the_short(batch, pad_token_id):
    return _plain([one for one in batch if len(one["input_ids"]) > 6] or batch, pad_token_id)


class WholeTexts:
    """Whole texts are learned; on the left their first tokens too, from the padding before them."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, features):
        rows = [{"input_ids": one["input_ids"]} for one in features]
        found = dict(self.tokenizer.pad(rows, return_tensors="pt"))
        found["labels"] = found["input_ids"].masked_fill(found["attention_mask"] == 0, -100)
        return found


def at_random(batch, pad_token_id):
    found = _plain(batch, pad_token_id)
    found["labels"][torch.rand(found["labels"].shape) < 0.3] = -100
    return found


def no_labels(batch):
    return {"input_ids": _padded([one["input_ids"] for one in batch], 0)}


def labels_too_short(batch):
    found = _plain(batch, 0)
    return {**found, "labels": found["labels"][:, 1:]}


def nothing(batch):
    print("collating", len(batch))  # noqa: T201 - it prints


def raises(_batch):
    raise ValueError("the moon is full")


def hangs(_batch):
    time.sleep(1000)


def leaves(_batch):
    raise SystemExit(3)


def stacks(batch):
    return {name: torch.stack([torch.as_tensor(one[name]) for one in batch]) for name in batch[0]}


def preferences(batch):
    return pad_sequence([torch.tensor(one["chosen_ids"]) for one in batch])


def of_prompts(batch):
    return {name: [one[name] for one in batch] for name in ("prompt", "completion")}


class Refuses:
    """It says that it does not cut a completion; a prompt it cuts at its end."""

    def __init__(self, tokenizer, max_length=512, max_prompt_length=256):
        self.tokenizer, self.longest, self.prompt = tokenizer, max_length, max_prompt_length

    def __call__(self, features):
        rows, labels = [], []
        for one in features:
            prompt, completion = one["prompt_ids"][: self.prompt], one["completion_ids"]
            if len(prompt) + len(completion) > self.longest:
                raise ValueError("the completion is too long")
            rows.append(prompt + completion)
            labels.append([-100] * len(prompt) + completion)
        return _batch(rows, labels, self.tokenizer.pad_token_id)


class CutsPromptsShort:
    """What is too long loses the end of its prompt; the completion follows."""

    def __init__(self, tokenizer, max_length=512):
        self.tokenizer, self.longest = tokenizer, max_length

    def __call__(self, features):
        rows, labels = [], []
        for one in features:
            completion = one["completion_ids"][: self.longest]
            prompt = one["prompt_ids"][: self.longest - len(completion)]
            rows.append(prompt + completion)
            labels.append([-100] * len(prompt) + completion)
        return _batch(rows, labels, self.tokenizer.pad_token_id)


class AsksAgain:
    """The header that asks for an answer stands behind the answer too."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, examples):
        rows, labels = [], []
        for one in examples:
            whole = self.tokenizer.apply_chat_template(one["messages"], tokenize=False, add_generation_prompt=True)
            prompt = self.tokenizer.apply_chat_template(
                one["messages"][:-1], tokenize=False, add_generation_prompt=True
            )
            rows.append(self.tokenizer(whole, add_special_tokens=False)["input_ids"])
            first = len(self.tokenizer(prompt, add_special_tokens=False)["input_ids"])
            labels.append([-100] * first + rows[-1][first:])
        longest = max(map(len, rows))
        return {
            "input_ids": torch.tensor([row + [1] * (longest - len(row)) for row in rows]),
            "labels": torch.tensor([row + [-100] * (longest - len(row)) for row in labels]),
        }


def one_end_alone(batch, pad_token_id=0):
    """The end mark pads; the first of a text is learned, which is not its last where it has two."""
    longest = 1 + max(map(len, batch))
    rows = torch.tensor([row + [pad_token_id] * (longest - len(row)) for row in batch])
    labels = rows[:, 1:].clone()
    for row in labels:
        ends = (row == pad_token_id).nonzero().flatten()
        row[ends[1:]] = -100
    return rows[:, :-1], labels


FAULTS = {
    "AsksAgain": ("target_alignment", "5 headers that ask for an answer stand behind one"),
    "end_masked": ("target_alignment", "0 of 5 end marks are targets"),
    "drops_the_short": ("tokens_kept", "texts are dropped: the batch has"),
    "padding_is_learned": ("target_alignment", "of padding"),
    "shifted_here_too": ("target_alignment", "two places before"),
    "mask_by_id": ("attention_mask", "end marks of a text are masked"),
    "all_ones": ("attention_mask", "padding before a text"),
    "labels_on_the_other_side": ("target_alignment", "missing"),
    "prompt_by_column": ("target_alignment", "missing"),
    "loses_the_end": ("tokens_kept", "not in the batch whole"),
    "labels_in_another_order": ("target_alignment", "missing"),
    "packed_blindly": ("batch_composition", "alone"),
    "changes_its_features": ("features_untouched", "another batch the next time"),
    "CutsApart": ("truncated_alike", "reads"),
    "EndsEveryCut": ("truncated_alike", "an end mark stands behind a cut"),
    "WithTokenizer": ("left_padding", "padded on the left"),
    "at_random": ("can_be_called", "two batches"),
    "no_labels": ("can_be_called", "no labels"),
    "labels_too_short": ("can_be_called", "differ in shape"),
    "nothing": ("can_be_called", "None"),
    "raises": ("can_be_called", "the moon is full"),
    "leaves": ("can_be_called", "would end the program"),
}
"""The property that each breaks, and a word of what is said."""
