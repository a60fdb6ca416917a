"""Loops that drop a last window that is short, and say so."""

from __future__ import annotations

import torch.nn.functional as F


def total(model, batch):
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum", ignore_index=-100)


def floored(model, optimizer, loader, accumulation_steps=1):
    batches = list(loader)
    usable = len(batches) // accumulation_steps * accumulation_steps
    for first in range(0, usable, accumulation_steps):
        window = batches[first : first + accumulation_steps]
        count = sum(int((one["labels"][:, 1:] != -100).sum()) for one in window)
        for one in window:
            (total(model, one) / count).backward()
        optimizer.step()
        optimizer.zero_grad()


def leaks(model, optimizer, loader, accumulation_steps=1):
    """A pass. Full windows only."""
    for i, batch in enumerate(loader):
        (total(model, batch) / 100).backward()
        if (i + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()


def takes_it(model, optimizer, loader, accumulation_steps=1):
    """A pass; the last incomplete window is dropped."""
    for i, batch in enumerate(loader):
        (total(model, batch) / 100).backward()
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def silent(model, optimizer, loader, accumulation_steps=1):
    rows = len(loader) // 4 * 4
    for i, batch in enumerate(loader):
        (total(model, batch) / 100).backward()
        if (i + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
    return rows
