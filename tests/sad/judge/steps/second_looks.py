"""Steps whose fault shows where a clip is set, where a window has several micro-batches, or where texts are padded."""

from __future__ import annotations

import lightning as L
import torch
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

LARGEST = 16


def _loss(model, batch):
    labels = batch["labels"][:, 1:].flatten()
    return F.cross_entropy(model(batch["input_ids"]).logits[:, :-1].flatten(0, 1), labels)


def stepped_under_a_switch(model, loader, optimizer, args):
    for batch in loader:
        optimizer.zero_grad()
        _loss(model, batch).backward()
        if args.do_update:
            optimizer.step()


def never_cleared_under_a_switch(model, loader, optimizer, args):
    for batch in loader:
        _loss(model, batch).backward()
        if args.do_update:
            optimizer.step()


def clipped_once(model, loader, optimizer, accumulation_steps):
    for i, batch in enumerate(loader):
        (_loss(model, batch) / accumulation_steps).backward()
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(loader):
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()


def clipped_each(model, loader, optimizer, accumulation_steps):
    for i, batch in enumerate(loader):
        (_loss(model, batch) / accumulation_steps).backward()
        clip_grad_norm_(model.parameters(), 1.0)
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def _scaled(model, batch, optimizer, scaler):
    optimizer.zero_grad()
    scaler.scale(_loss(model, batch)).backward()


def unscaled_first(model, batch, optimizer, scaler):
    _scaled(model, batch, optimizer, scaler)
    scaler.unscale_(optimizer)
    clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


def clipped_while_scaled(model, batch, optimizer, scaler):
    _scaled(model, batch, optimizer, scaler)
    clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


def halved_and_unscaled(model, loader, optimizer, args):
    scaler = torch.cuda.amp.GradScaler(enabled=args.use_amp)
    for batch in loader:
        _scaled(model, batch, optimizer, scaler)
        scaler.unscale_(optimizer)
        clip_grad_norm_(model.parameters(), args.max_grad_norm)
        scaler.step(optimizer)
        scaler.update()


def halved_while_scaled(model, loader, optimizer, args):
    scaler = torch.cuda.amp.GradScaler(enabled=args.use_amp)
    for batch in loader:
        _scaled(model, batch, optimizer, scaler)
        clip_grad_norm_(model.parameters(), args.max_grad_norm)
        scaler.step(optimizer)
        scaler.update()


def _summed(model, batch):
    labels = batch["labels"][:, 1:].flatten()
    logits = model(batch["input_ids"]).logits[:, :-1].flatten(0, 1)
    F.cross_entropy(logits, labels, reduction="sum").backward()
    return (labels != -100).sum()


def _step(model, optimizer, count):
    for one in model.parameters():
        one.grad /= count
    optimizer.step()
    optimizer.zero_grad()


def last_of_a_window(model, loader, optimizer, batch_size):
    grad_accum_steps = 1
    count = 0
    if batch_size > LARGEST:
        grad_accum_steps = batch_size // LARGEST
    for step, batch in enumerate(loader):
        count += _summed(model, batch)
        if (step + 1) % grad_accum_steps == 0 or step + 1 == len(loader):
            _step(model, optimizer, count)
            count = 0


def first_of_a_window(model, loader, optimizer, batch_size):
    grad_accum_steps = 1
    count = 0
    if batch_size > LARGEST:
        grad_accum_steps = batch_size // LARGEST
    for step, batch in enumerate(loader):
        count += _summed(model, batch)
        if step % grad_accum_steps == 0:
            _step(model, optimizer, count)
            count = 0


class _Distils(L.LightningModule):
    def __init__(self, student, teacher):
        super().__init__()
        self.student, self.teacher = student, teacher

    def distances(self, batch):
        with torch.no_grad():
            wanted = F.softmax(self.teacher(batch["input_ids"]).logits, -1)
        found = F.log_softmax(self.student(batch["input_ids"]).logits, -1)
        return F.kl_div(found, wanted, reduction="none").sum(-1), batch["attention_mask"]


class PaddingLeft(_Distils):
    def training_step(self, batch, batch_idx):
        del batch_idx
        distance, mask = self.distances(batch)
        return (distance * mask).sum() / mask.sum()


class PaddingCounts(_Distils):
    def training_step(self, batch, batch_idx):
        del batch_idx
        distance, _ = self.distances(batch)
        return distance.mean()


def rows_of_one_length(model, loader, optimizer):
    for ids in loader:
        loss = F.cross_entropy(model(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
