"""Evaluators that are given texts and a tokenizer, and batch them themselves; faulty ones among them."""

from __future__ import annotations

import torch
import torch.nn.functional as F


@torch.no_grad()
def of_strings(model, tokenizer, texts, batch_size=8):
    """Sums over labels."""
    model.eval()
    total = count = 0
    for start in range(0, len(texts), batch_size):
        read = tokenizer(texts[start : start + batch_size], return_tensors="pt", padding=True)
        logits = model(**read).logits[:, :-1]
        labels = read["input_ids"][:, 1:].masked_fill(read["attention_mask"][:, 1:] == 0, -100)
        total += F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        count += (labels != -100).sum()
    return {"perplexity": (total / count).exp().item()}


@torch.no_grad()
def one_by_one(model, tokenizer, dataset):
    """A data set of texts, one at a time."""
    model.eval()
    total = count = 0
    for example in dataset:
        read = tokenizer(example["text"], return_tensors="pt").input_ids
        if read.shape[1] > 1:
            total += float(model(read, labels=read).loss) * (read.shape[1] - 1)
            count += read.shape[1] - 1
    return {"loss": total / count}


@torch.no_grad()
def mean_of_texts(model, tokenizer, texts):
    """A mean of the means of texts."""
    model.eval()
    read = [tokenizer(text, return_tensors="pt").input_ids for text in texts]
    losses = [model(ids, labels=ids).loss for ids in read if ids.shape[1] > 1]
    return {"perplexity": torch.stack(losses).mean().exp().item()}


@torch.no_grad()
def padding_counts(model, tokenizer, texts, batch_size=8):
    """Padding is scored as if it were text."""
    model.eval()
    total = count = 0
    for start in range(0, len(texts), batch_size):
        read = tokenizer(texts[start : start + batch_size], return_tensors="pt", padding=True).input_ids
        number = read[:, 1:].numel()
        total, count = total + float(model(read, labels=read).loss) * number, count + number
    return {"loss": total / max(count, 1)}


STYLES = ("of_strings", "one_by_one")
FAULTS = ("mean_of_texts", "padding_counts")
