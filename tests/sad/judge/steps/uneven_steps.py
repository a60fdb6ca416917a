"""Loops whose micro-batches weigh the same, whatever their number of examples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def means(model, optimizer, loader, accumulation_steps=1):
    for i, (x, y) in enumerate(loader):
        size = min(accumulation_steps, len(loader) - i // accumulation_steps * accumulation_steps)
        (F.cross_entropy(model(x), y) / size).backward()
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def blocks(model, optimizer, accumulation_steps=1):
    rows = torch.load("blocks.pt")
    train_loader = DataLoader(TensorDataset(rows), batch_size=4, drop_last=True)
    for i, (ids,) in enumerate(train_loader):
        size = min(accumulation_steps, len(train_loader) - i // accumulation_steps * accumulation_steps)
        logits = model(input_ids=ids).logits[:, :-1]
        (F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()) / size).backward()
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(train_loader):
            optimizer.step()
            optimizer.zero_grad()
