"""A script that fetches a model where it is imported; functions in it are mapped over its data."""

from __future__ import annotations

from transformers import AutoTokenizer

LONGEST = 256
tokenizer = AutoTokenizer.from_pretrained("nobody/nothing")
tokenizer.pad_token = tokenizer.eos_token


def tokenize_function(examples):
    """Each text as long as it is."""
    found = tokenizer(examples["text"], truncation=True, max_length=LONGEST)
    return {**found, "labels": [list(ids) for ids in found["input_ids"]]}


def tokenize_padded(examples):
    """Padding is learned."""
    found = tokenizer(examples["text"], truncation=True, max_length=LONGEST, padding="max_length")
    found["labels"] = [list(ids) for ids in found["input_ids"]]
    return found
