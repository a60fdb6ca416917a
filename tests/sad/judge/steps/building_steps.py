"""Steps and loops that make part of what they need themselves: loaders, models, settings of a class of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer


@dataclass
class Parts:
    chunk: int = 2


@dataclass
class TrainConfig:
    learning_rate: float = 1e-3
    num_epochs: int = 1
    readers: int = 0
    sharpness: float = 1.5
    parts: Parts = field(default_factory=Parts)


class Builder:
    """Its loader and its models are made here; what its settings are is said by their class alone."""

    def __init__(self, config: TrainConfig, train_dataset, eval_dataset, tokenizer):
        self.config = config
        self.student = load()
        self.teacher = AutoModelForCausalLM.from_pretrained("some/teacher").eval().requires_grad_(False)
        self.tokenizer = AutoTokenizer.from_pretrained("some/teacher")
        self.pad = tokenizer.pad_token_id + self.tokenizer.pad_token_id
        self.loader = DataLoader(train_dataset, batch_size=4, shuffle=True, num_workers=config.readers + 0)
        self.scored = DataLoader(eval_dataset, batch_size=config.parts.chunk * 2)
        self.optimizer = torch.optim.SGD(self.student.parameters(), lr=config.learning_rate)

    def loss(self, batch):
        with torch.no_grad():
            aim = self.teacher(batch["input_ids"]).logits[:, :-1] * self.config.sharpness
        given = self.student(batch["input_ids"]).logits[:, :-1] * self.config.sharpness
        kept = batch["labels"][:, 1:] != -100
        return self.divergence(given[kept].log_softmax(-1), aim[kept].softmax(-1))

    def divergence(self, given, aim):
        return F.kl_div(given, aim, reduction="batchmean")

    def train(self):
        for _ in range(self.config.num_epochs):
            self.student.train()
            for batch in self.loader:
                self.optimizer.zero_grad()
                self.loss(batch).backward()
                self.optimizer.step()
            self.student.eval()
            with torch.no_grad():
                sum(float(self.loss(batch)) for batch in self.scored)
        self.student.save_pretrained("folder")
        torch.save(self.student.state_dict(), "/nowhere/at/all.pt")


def load():
    return AutoModelForCausalLM.from_pretrained("some/student")


class Summing(Builder):
    """It sums over tokens: twice as long texts, twice the gradient."""

    def divergence(self, given, aim):
        return F.kl_div(given, aim, reduction="sum")


class TeachesItsTeacher(Builder):
    """The teacher is trained with the student."""

    def __init__(self, config: TrainConfig, train_dataset, eval_dataset, tokenizer):
        super().__init__(config, train_dataset, eval_dataset, tokenizer)
        self.teacher = AutoModelForCausalLM.from_pretrained("some/teacher").train().requires_grad_(True)
        both = [*self.student.parameters(), *self.teacher.parameters()]
        self.optimizer = torch.optim.SGD(both, lr=config.learning_rate)

    def loss(self, batch):
        kept = batch["labels"][:, 1:] != -100
        given, aim = (one(batch["input_ids"]).logits[:, :-1][kept] for one in (self.student, self.teacher))
        return F.kl_div(given.log_softmax(-1), aim.softmax(-1), reduction="batchmean")


def asks_for_batches(student, teacher, get_batch, steps, lr):
    """Batches that are asked for one by one, and models that return several things, logits first."""
    optimizer = torch.optim.SGD(student.parameters(), lr=lr)
    for _ in range(steps):
        read, label = get_batch("train")
        given, _, _ = student(read)
        with torch.no_grad():
            aim, _ = teacher(read)
        kept = label[:, 1:] != -100
        hard = F.cross_entropy(given[:, :-1][kept], label[:, 1:][kept])
        soft = F.kl_div(given[:, :-1][kept].log_softmax(-1), aim[:, :-1][kept].softmax(-1), reduction="batchmean")
        optimizer.zero_grad()
        (hard + soft).backward()
        optimizer.step()


class Classifies:
    """A classifier's dicts, and a learning rate that nobody may set."""

    def __init__(self, teacher_model, student_model):
        self.teacher, self.student = teacher_model.eval().requires_grad_(False), student_model
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=1e-4)

    def train(self, train_loader, num_epochs):
        for _ in range(num_epochs):
            for batch in train_loader:
                with torch.no_grad():
                    aim = self.teacher(**batch)["logits"]
                out = self.student(**batch)
                soft = F.kl_div(out["logits"].log_softmax(-1), aim.softmax(-1), reduction="batchmean")
                self.optimizer.zero_grad()
                (F.cross_entropy(out["logits"], batch["labels"]) + soft).backward()
                self.optimizer.step()


class NeverSteps(Builder):
    """It forgets its gradients before it steps."""

    def train(self):
        for batch in self.loader:
            self.loss(batch).backward()
            self.optimizer.zero_grad()
            self.optimizer.step()


def reads_its_folder(model, train_loader, optimizer):
    with open("a/folder/of/its/own.bin", "rb") as file:
        torch.save([file.read(), model, list(train_loader), optimizer], "all.pt")


RIGHT = ("Builder.train", "asks_for_batches", "Classifies.train")
FAULTY = {
    "Summing.train": "text_length",
    "TeachesItsTeacher.train": "teacher_isolation",
    "NeverSteps.train": "can_be_called",
}
