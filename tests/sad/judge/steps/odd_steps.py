"""Loops in styles that are seldom: models in a tuple or under plain names, data that begins again, dicts of splits."""

from __future__ import annotations

from itertools import cycle, islice

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, IterableDataset
from transformers import AutoModelForCausalLM


def loss_of(student, teacher, batch):
    with torch.no_grad():
        aim = teacher(batch["input_ids"]).logits[:, :-1]
    kept = batch["labels"][:, 1:] != -100
    given = student(batch["input_ids"]).logits[:, :-1]
    return F.kl_div(given[kept].log_softmax(-1), aim[kept].softmax(-1), reduction="sum") / kept.sum()


def learns(student, teacher, batches, optimizer):
    for batch in batches:
        loss = loss_of(student, teacher, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def frozen(path):
    one = AutoModelForCausalLM.from_pretrained(path)
    return one.eval().requires_grad_(False)


def in_a_tuple(config, train_dataset):
    net, ref = AutoModelForCausalLM.from_pretrained(config.path), frozen(config.other_path)
    optimizer = torch.optim.SGD(net.parameters(), lr=config.lr)
    for _ in range(config.epochs):
        learns(net, ref, DataLoader(train_dataset, batch_size=4, drop_last=True), optimizer)


def taught_by_itself(config, train_dataset):
    """Its plain name is told by the path; nothing freezes it, and the optimizer has it too."""
    one = AutoModelForCausalLM.from_pretrained(config.teacher_path)
    student = AutoModelForCausalLM.from_pretrained(config.path)
    optimizer = torch.optim.SGD([*student.parameters(), *one.parameters()], lr=config.lr)
    for _ in range(config.epochs):
        for batch in DataLoader(train_dataset, batch_size=4):
            aim, given = one(batch["input_ids"]).logits, student(batch["input_ids"]).logits
            optimizer.zero_grad()
            F.kl_div(given.log_softmax(-1), aim.softmax(-1), reduction="sum").backward()
            optimizer.step()


class Stream(IterableDataset):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        yield from self.rows


def until_it_is_done(student, teacher, train_dataset, optimizer, max_steps):
    taken = 0
    while taken < max_steps:
        for batch in DataLoader(Stream(train_dataset), batch_size=None):
            learns(student, teacher, [batch], optimizer)
            taken += 1
            if taken == max_steps:
                break


def round_and_round(student, teacher, train_loader, optimizer, max_steps, accum_steps):
    every = cycle(train_loader)
    for _ in range(max_steps):
        window = list(islice(every, accum_steps))
        count = sum((batch["labels"][:, 1:] != -100).sum() for batch in window)
        optimizer.zero_grad()
        for batch in window:
            share = (batch["labels"][:, 1:] != -100).sum() / count
            (loss_of(student, teacher, batch) * share).backward()
        optimizer.step()


def undivided(student, teacher, train_loader, optimizer, max_steps, accum_steps):
    every = cycle(train_loader)
    for _ in range(max_steps):
        optimizer.zero_grad()
        for batch in islice(every, accum_steps):
            loss_of(student, teacher, batch).backward()
        optimizer.step()


def of_splits(student, teacher, loaders, optimizer):
    learns(student, teacher, loaders["train"], optimizer)
    with torch.no_grad():
        for batch in loaders["val"]:
            loss_of(student, teacher, batch)


def asks_its_model(model, teacher, train_loader, config):
    optimizer = model.configure_optimizers(config)
    for _ in range(config.max_epochs):
        learns(model, teacher, train_loader, optimizer)


def in_phases(student, teacher, dataset, optimizer):
    for size in (8, 4):
        learns(student, teacher, DataLoader(dataset, batch_size=size), optimizer)


def of_a_corpus(student, teacher, data, optimizer, block_size):
    for _ in range(10):
        places = torch.randint(len(data) - 10**3, (4,))
        ids = torch.stack([data[i : i + block_size] for i in places])
        learns(student, teacher, [{"input_ids": ids, "labels": ids}], optimizer)


def of_two_models(config, train_dataset):
    one, two = AutoModelForCausalLM.from_pretrained("some/one"), 0
    two = AutoModelForCausalLM.from_pretrained("some/other")
    learns(one, two, DataLoader(train_dataset), torch.optim.SGD(one.parameters(), lr=config.lr))


RIGHT = ("in_a_tuple", "until_it_is_done", "round_and_round", "of_splits", "asks_its_model")
FAULTY = {"taught_by_itself": "teacher_isolation", "undivided": "split_invariance"}
NOT_JUDGED = {
    "in_phases": "it trains in 2 phases",
    "of_a_corpus": "out of a corpus",
    "of_two_models": "no name says which is the teacher",
}
