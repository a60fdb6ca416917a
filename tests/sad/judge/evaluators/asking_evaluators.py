"""Evaluators that ask for other things than a model and batches of dicts; faulty ones among them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def perplexity(preds, target, ignore_index=None):
    """A metric whose labels are those of the rows already."""
    kept = target != ignore_index
    return F.cross_entropy(preds[kept], target[kept]).exp()


def perplexity_of_all(logits, indices, vocab_size, ignore_index):
    """The same, with padding's id for what does not count; it forgets to divide."""
    told = F.one_hot(indices, vocab_size) * (indices != ignore_index)[..., None]
    return 2 ** -(logits.log_softmax(-1) * told / torch.tensor(2.0).log()).sum()


def reads_its_config(model, valid_dl, config):
    model.eval()
    total = count = 0
    with torch.no_grad():
        for batch in valid_dl:
            logits, labels = model(**batch.to(config.device)).logits[:, :-1], batch["labels"][:, 1:]
            total = total + F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
            count += int((labels != config.ignore_index).sum())
    return {"loss": float(total / count)}


def asks_too_much(model, loader, config):
    return {"loss": sum(float(model(**batch).loss) for batch in loader) * config.frobnication}


@torch.no_grad()
def of_classes(data_loader, model):
    """For examples of one class each, which the last place of a model tells."""
    model.eval()
    right = count = 0
    for examples, classes in data_loader:
        right += int((model(examples)[:, -1, :].argmax(-1) == classes).sum())
        count += len(examples)
    return right / count


@torch.no_grad()
def of_images(val_loader, model, criterion, device):
    """The loss and the share of examples, of a classifier of images."""
    model.eval()
    total = right = count = 0
    for images, target in val_loader:
        images, target = images.to(device), target.to(device)
        output = model(images)
        total += criterion(output, target).item() * images.size(0)
        right += output.argmax(dim=1).eq(target).sum().item()
        count += images.size(0)
    return {"loss": total / count, "acc": right / count}


@torch.no_grad()
def of_images_by_batches(val_loader, model):
    """A mean of the means of batches, of a classifier."""
    model.eval()
    shares = [(model(images).argmax(dim=1) == target).float().mean() for images, target in val_loader]
    return {"accuracy": float(sum(shares) / len(shares))}


@torch.no_grad()
def of_a_fabric(fabric, model, val_dataloader):
    """Sums over labels, of a Fabric."""
    fabric.print("...")
    model.eval()
    total, count = torch.zeros(2, device=fabric.device)
    for ids, labels in val_dataloader:
        total += F.cross_entropy(model(ids).flatten(0, 1), labels.flatten(), reduction="sum")
        count += (labels != -100).sum()
    fabric.barrier()
    return (fabric.all_reduce(total) / fabric.all_reduce(count)).item()


class Scorer:
    """An object that is made once, and whose evaluate() scores."""

    def __init__(self, device="cpu"):
        self.device = device

    @torch.no_grad()
    def evaluate(self, model, dataloader):
        model.eval()
        total = count = 0
        for batch in dataloader:
            logits, labels = model(batch["input_ids"]).logits[:, :-1], batch["labels"][:, 1:]
            total += F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum").item()
            count += int((labels != -100).sum())
        return {"perplexity": torch.tensor(total / count).exp().item()}


@torch.no_grad()
def with_targets(model, data):
    """A model that is handed the token after each, and returns its logits and their loss."""
    model.eval()
    total = count = 0
    for x, y in data:
        _, loss = model(x, y)
        number = int((y != -100).sum())
        total, count = total + loss.item() * number if number else total, count + number
    return {"loss": total / count}


@torch.no_grad()
def by_other_names(model, valid_loader, eval):
    """Columns and a model that have other names for ids, labels and their mask."""
    model.eval()
    total = count = 0
    for number, data in enumerate(valid_loader):
        if number >= eval.max_iters:
            break
        _, loss = model(data["input"], lm_labels=data["target"], lm_mask=data["mask"])
        told = int((data["target"] != -100).sum())
        total, count = total + loss.item() * told if told else total, count + told
    return total / count, torch.tensor(total / count).exp().item()


@torch.no_grad()
def bits_a_byte(model, batches, steps, token_bytes):
    """Sums over tokens, divided by their bytes."""
    model.eval()
    nats, size, batches = 0.0, 0, iter(batches)
    for _ in range(steps):
        x, y = next(batches)
        cost, y = model(x, y, loss_reduction="none").view(-1), y.view(-1)
        nats, size = nats + cost[y >= 0].sum(), size + token_bytes[y[y >= 0]].sum()
    return (nats / size / torch.log(torch.tensor(2.0))).item()


STYLES = (
    "with_targets",
    "by_other_names",
    "of_a_fabric",
    "Scorer",
    "perplexity",
    "reads_its_config",
    "of_classes",
    "of_images",
)


def share_of_classes(eval_pred):
    """Of examples of one class each."""
    import numpy as np

    logits, labels = eval_pred
    return {"accuracy": float((np.argmax(logits, axis=1) == labels).mean())}


def all_that_is_read(student, teacher, dataloader):
    """A distance over every token that is read, prompts and last ones too."""
    total = count = 0
    student.eval()
    with torch.no_grad():
        for batch in dataloader:
            mask = batch["attention_mask"].bool()
            ours = student(batch["input_ids"], attention_mask=batch["attention_mask"]).logits.log_softmax(-1)
            wanted = teacher(batch["input_ids"], attention_mask=batch["attention_mask"]).logits.log_softmax(-1)
            total += float((wanted.exp() * (wanted - ours)).sum(-1)[mask].sum())
            count += int(mask.sum())
    return {"kl": total / count}


def of_ids(model, testloader):
    """Rows of ids without a mask: those of its program have one length."""
    total = count = 0
    with torch.no_grad():
        for ids in testloader:
            logits = model(ids).logits[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
            total, count = total + float(losses.sum()), count + losses.numel()
    return {"ppl": math.exp(total / count)}


def means_of_ids(model, testloader):
    """The same, but a mean of the means of batches."""
    means = []
    with torch.no_grad():
        for ids in testloader:
            logits = model(ids).logits[:, :-1]
            means.append(float(F.cross_entropy(logits.transpose(1, 2), ids[:, 1:])))
    return {"ppl": math.exp(sum(means) / len(means))}
