"""Collators whose features have a length, which is that of the prompt for some."""

from __future__ import annotations

import torch


def _rows(features, tokenizer, first):
    longest = max(len(one["input_ids"]) for one in features)
    rows = []
    for one in features:
        ids, more = one["input_ids"], longest - len(one["input_ids"])
        start = first(one)
        rows.append((ids + [tokenizer.pad_token_id] * more, [-100] * start + ids[start:] + [-100] * more))
    return {"input_ids": torch.tensor([ids for ids, _ in rows]), "labels": torch.tensor([told for _, told in rows])}


class FromPrompt:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, features):
        return _rows(features, self.tokenizer, lambda one: one["seq_len"])


class FromOneBefore(FromPrompt):
    """Right for a tokenizer that puts a mark between a prompt and its answer."""

    def __call__(self, features):
        return _rows(features, self.tokenizer, lambda one: one["seq_len"] - 1)
