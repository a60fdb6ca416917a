"""Programs that read what they train on: by name, from a command line, drawn out of a corpus."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pandas
import torch
import yaml
from datasets import load_dataset
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

GRAD_ACCUM = 4
max_iters = 5000


def _loaders(batch_size):
    tokenizer = AutoTokenizer.from_pretrained("a/student")
    data = load_dataset("a/corpus").map(lambda one: tokenizer(one["text"]), batched=True)
    return DataLoader(data["train"], batch_size=batch_size, shuffle=True), DataLoader(data["validation"])


def _train(args, divides, ends):
    model = AutoModelForCausalLM.from_pretrained(args.model_name)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    train_loader, val_loader = _loaders(args.batch_size)
    for _ in range(args.epochs):
        for place, batch in enumerate(train_loader, 1):
            loss = model(**batch).loss
            (loss / args.accumulation_steps if divides else loss).backward()
            if place % args.accumulation_steps == 0 or (ends and place == len(train_loader)):
                optimizer.step()
                optimizer.zero_grad()
        with torch.no_grad():
            for batch in val_loader:
                model(**batch)


def _args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--accumulation_steps", type=int, default=2)
    return parser


def by_name():
    args = _args().parse_args()
    _train(args, divides=True, ends=True)


def drops_the_last():
    args = _args().parse_args()
    _train(args, divides=True, ends=False)


def parse_args():
    return _args().parse_args()


def by_a_function_of_its_own():
    args = parse_args()
    _train(args, divides=True, ends=False)


def of_one_epoch():
    """It makes its model and its optimizer anew whenever it is called."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gradient_accumulation_steps", type=int, default=2)
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained("a/student")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader, _ = _loaders(8)
    for place, batch in enumerate(loader, 1):
        (model(**batch).loss / args.gradient_accumulation_steps).backward()
        if place % args.gradient_accumulation_steps == 0 or place == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def undivided():
    args = _args().parse_args()
    _train(args, divides=False, ends=True)


def classifier():
    """Each example has one class."""
    args = _args().parse_args()
    model = AutoModelForSequenceClassification.from_pretrained(args.model_name)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    for _ in range(args.epochs):
        loader, _ = _loaders(args.batch_size)
        for place, batch in enumerate(loader, 1):
            (model(**batch).loss / args.accumulation_steps).backward()
            if place % args.accumulation_steps == 0 or place == len(loader):
                optimizer.step()
                optimizer.zero_grad()


def get_batch(split):
    data = torch.arange(10**4 if split == "train" else 10**3)
    places = torch.randint(len(data) - 8, (4,))
    return torch.stack([data[at : at + 8] for at in places]), torch.stack([data[at + 1 : at + 9] for at in places])


def drawn(model, optimizer):
    for _ in range(max_iters):
        for _ in range(GRAD_ACCUM):
            ids, targets = get_batch("train")
            _, loss = model(ids, targets)
            (loss / GRAD_ACCUM).backward()
        optimizer.step()
        optimizer.zero_grad()


def drawn_undivided(model, optimizer):
    for step in range(max_iters):
        ids, targets = get_batch("train")
        _, loss = model(ids, targets)
        loss.backward()
        if (step + 1) % GRAD_ACCUM == 0:
            optimizer.step()
            optimizer.zero_grad()


def of_its_own(model, optimizer):
    """Its batches are made on the spot, and no loader is asked."""
    DataLoader([1])
    for _ in range(3):
        ids = torch.randint(7, (2, 5))
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@dataclass
class RunConfig:
    epochs: int = 3
    accumulation_steps: int = 8
    lr: float = 0.1


def _over(rows, cfg, ends):
    model = AutoModelForCausalLM.from_pretrained("a/student")
    model.load_state_dict(torch.load("weights.pt")["model"])
    for _ in range(cfg.epochs):
        optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr)
        loader = DataLoader(rows, batch_size=8, shuffle=True)
        for place, batch in enumerate(loader, 1):
            (model(**batch).loss / cfg.accumulation_steps).backward()
            if place % cfg.accumulation_steps == 0 or (ends and place == len(loader)):
                optimizer.step()
                optimizer.zero_grad()


def of_files(path="train.yaml"):
    with open(path) as file:
        conf = yaml.safe_load(file)
    _over(pandas.read_csv(conf["data"]["path"])["question"].tolist(), conf["training"], ends=True)


def of_a_class():
    _over(torch.load("tokens.pt"), RunConfig(), ends=False)


def _below_a_clip(model, loader, optimizer, accumulation_steps, divides):
    for place, batch in enumerate(loader, 1):
        loss = model(**batch).loss
        (loss / accumulation_steps if divides else loss).backward()
        if place % accumulation_steps == 0 or place == len(loader):
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
            optimizer.step()
            optimizer.zero_grad()


def below_a_clip(model, loader, optimizer, accumulation_steps):
    """No gradient is as small as its clip, which is the same for all that are larger."""
    _below_a_clip(model, loader, optimizer, accumulation_steps, divides=False)


def checks_its_settings(args, loader, model, optimizer):
    if args.output_dir:
        raise ValueError(f"{args.output_dir} is there")
    for batch in loader:
        model(**batch).loss.backward()
        optimizer.step()


RIGHT = {"of_files": "step_accounting", "by_name": "step_accounting", "drawn": "split_invariance"}
FAULTY = {
    "below_a_clip": "split_invariance",
    "of_a_class": "step_accounting",
    "drops_the_last": "step_accounting",
    "by_a_function_of_its_own": "step_accounting",
    "undivided": "split_invariance",
    "drawn_undivided": "split_invariance",
}
