"""Programs that cannot be called as they stand: models of their own, batches of their own, settings of their own."""

import torch
import torch.nn.functional as F
from torch import nn


class Distiller:
    def __init__(self, settings, world):
        self.student, self.teacher = world.make(settings)

    def step(self, examples, world):
        out = self.student(examples["pixels"], world.shape)
        with torch.no_grad():
            ref = self.teacher(examples["pixels"], world.shape)
        ce = F.cross_entropy(out["scores"], world.answers(examples))
        kd = F.kl_div(F.softmax(out["scores"], dim=1), F.softmax(ref["scores"], dim=1), reduction="batchmean")
        world.log(ce.item(), kd.item())
        loss = ce + world.weight * kd
        loss.backward()
        return loss.item()

    def right(self, examples, world):
        out = self.student(examples["pixels"], world.shape)
        ref = self.teacher(examples["pixels"], world.shape)
        if not world.ready:
            return None
        log_q = F.log_softmax(out["scores"], dim=1)
        return F.kl_div(log_q, F.softmax(ref["scores"], dim=1), reduction="batchmean")

    def one_term(self, examples, world):
        out = self.student(examples["pixels"], world.shape)
        ref = self.teacher(examples["pixels"], world.shape)
        kd_loss = F.kl_div(F.log_softmax(out["scores"], -1), F.softmax(ref["scores"], -1), reduction="batchmean")
        return world.combine(kd_loss, world.other(out))

    def masked(self, examples, world, reduction="mean"):
        scores = self.student(examples, world)
        soft_labels = world.soften(examples)
        labels = examples["labels"]
        rows = -torch.sum(F.log_softmax(scores, dim=1) * soft_labels, dim=-1)
        first = F.cross_entropy(scores.view(-1, world.vocab_size), labels.view(-1), reduction=reduction)
        return first * 0 + rows[labels != -100].mean()

    def labelled(self, examples, world):
        s_logits = self.student(examples["pixels"], world.shape)
        t_logits = self.teacher(examples["pixels"], world.shape)
        keep = examples["labels"] != -100
        rows = F.kl_div(F.log_softmax(s_logits, -1), F.softmax(t_logits, -1), reduction="none").sum(-1)
        return (rows * keep).sum() / keep.sum()

    def no_loss(self, examples, world):
        return world.count(examples) + 1


def late_teacher(examples, world):
    scores = world.student(examples)
    soft_labels = world.soften(examples)
    labels = world.answers(examples)
    shifted = scores[:, :-1, :]
    labels = labels[:, 1:]
    rows = -(F.log_softmax(shifted, dim=-1) * soft_labels).sum(-1)
    return (rows * (labels != -100)).sum()


def main(settings, world):
    model = world.make(settings)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.speed)
    data = torch.utils.data.DataLoader(world.read(settings))
    every = 4
    tracker = world.tracker(settings)
    for epoch in range(2):
        model.train()
        for place, batch in enumerate(data):
            ids, answers = world.prepare(batch, settings)
            out = model(input_ids=ids, labels=answers)
            (out.loss / every).backward()
            tracker.add(out.loss.item(), place)
            if (place + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
            if tracker.full:
                break
        world.save(model, epoch)


def undivided(settings, world):
    model = world.make(settings)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.speed)
    data = torch.utils.data.DataLoader(world.read(settings))
    gradient_accumulation_steps = world.accumulation
    for place, batch in enumerate(data):
        out = model(input_ids=batch["input_ids"], labels=batch["labels"])
        out.loss.backward()
        if (place + 1) % gradient_accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()


class Runner(nn.Module):
    def __init__(self, world):
        super().__init__()
        self.world, self.model, self.optimizer = world, world.net, world.optimizer
        self.seen = 0

    def one(self, batch):
        self.optimizer.zero_grad()
        loss = self.model(**batch).loss
        self.world.note(loss)
        loss.backward()
        self.optimizer.step()

    def counted(self, rows):
        for batch in rows:
            loss = self.model(**batch).loss
            loss.backward()
            self.seen += 1
            if self.seen % 2 == 0:
                self.optimizer.step()

    def by_methods(self, batches):
        for batch in batches:
            loss = self.compute(batch)
            loss.backward()
            self.optimizer.step()

    def of_itself(self, batches):
        for batch in batches:
            self(batch).backward()
            self.optimizer.step()

    def compute(self, batch):
        return self.model(**batch).loss
