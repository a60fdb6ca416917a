"""Right evaluators, in the styles in which people write them."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F


@torch.no_grad()
def summed(model, dataloader, device="cpu"):
    """A sum over labels, divided once; modes are put back."""
    training = model.training
    model.eval()
    total, count = 0.0, 0
    for batch in dataloader:
        batch = {k: v.to(device) for k, v in batch.items()}
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        labels = batch["labels"][:, 1:]
        total += F.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
        ).item()
        count += int((labels != -100).sum())
    if training:
        for module in model.modules():
            if module is not model.norm:
                module.train() if not list(module.children()) else setattr(module, "training", True)
    return total / count


def weighed_means(model, batches):
    """The loss of transformers' models, weighed by its labels."""
    model.eval()
    nll = tokens = 0
    for batch in batches:
        with torch.inference_mode():
            loss = model(**batch).loss
        number = (batch["labels"][:, 1:] != -100).sum().item()
        nll += loss.item() * number
        tokens += number
    mean = nll / tokens
    return {"eval_loss": mean, "eval_perplexity": math.exp(mean), "eval_runtime": 1.5, "num_tokens": tokens}


@torch.no_grad()
def perplexity(model, val_loader):
    """One number, by its name the perplexity; ends in training mode, as nanoGPT's."""
    model.eval()
    losses = []
    for batch in val_loader:
        logits = model(batch.input_ids).logits[:, :-1]
        each = F.cross_entropy(logits.transpose(1, 2), batch.labels[:, 1:], reduction="none", ignore_index=-100)
        losses.append(each[batch.labels[:, 1:] != -100])
    model.train()
    return torch.cat(losses).mean().exp()


@torch.no_grad()
def pairs(net, loader):
    """Batches are what is read and what follows; returns the loss and the accuracy."""
    net.eval()
    total = right = count = 0
    for x, y in loader:
        logits = net(x).logits
        kept = y != -100
        total += F.cross_entropy(logits[kept], y[kept], reduction="sum").item()
        right += (logits.argmax(-1) == y)[kept].sum().item()
        count += kept.sum().item()
    return total / count, right / count


@torch.no_grad()
def without_labels(model, eval_dataloader):
    """Labels are made from the mask."""
    model.eval()
    total, count = 0.0, 0
    for batch in eval_dataloader:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        labels = ids.masked_fill(mask == 0, -100)[:, 1:]
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
        total += F.cross_entropy(logits.transpose(1, 2), labels, reduction="sum").item()
        count += (labels != -100).sum().item()
    return {"nll": total / count}


@torch.no_grad()
def distilled(student, teacher, loader, temperature=2.0):
    """Reports the objective of the training too, per label."""
    student.eval()
    sums, count = {"loss": 0.0, "lm_loss": 0.0, "kl": 0.0}, 0
    for batch in loader:
        kept = batch["labels"][:, 1:] != -100
        q, p = (m(input_ids=batch["input_ids"]).logits[:, :-1][kept] for m in (student, teacher))
        lm = F.cross_entropy(q, batch["labels"][:, 1:][kept], reduction="sum")
        kl = F.kl_div(q.log_softmax(-1), p.log_softmax(-1), reduction="sum", log_target=True)
        soft = F.kl_div(
            (q / temperature).log_softmax(-1), (p / temperature).log_softmax(-1), reduction="sum", log_target=True
        )
        for name, value in (("loss", 0.5 * lm + 0.5 * soft * temperature**2), ("lm_loss", lm), ("kl", kl)):
            sums[name] += value.item()
        count += int(kept.sum())
    return {f"eval/{name}": value / count for name, value in sums.items()}


def compute_metrics(eval_pred):
    """A metric of a trainer, in numpy."""
    logits, labels = eval_pred
    logits, labels = logits[:, :-1].astype(np.float64), labels[:, 1:]
    kept = labels != -100
    logits = logits[kept]
    logits -= logits.max(-1, keepdims=True)
    log = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nll = -log[np.arange(len(log)), labels[kept]].mean()
    return {"loss": nll, "perplexity": np.exp(nll), "accuracy": (logits.argmax(-1) == labels[kept]).mean()}


def of_logits(model, val_loader, device):
    """A model that returns logits, batches of what is read and what follows."""
    training, total, count = model.training, 0.0, 0
    model.eval()
    with torch.no_grad():
        for ids, following in val_loader:
            logits = model(ids.to(device)).flatten(0, 1)
            total += F.cross_entropy(logits, following.flatten(), ignore_index=-100, reduction="sum").item()
            count += int((following != -100).sum())
    model.train(training)
    return {"loss": total / count}


class Evaluator:
    """Made once, called on a model."""

    def __init__(self, device, ignore_index=-100):
        self.device, self.ignored = device, ignore_index

    def evaluate(self, model, dataloader):
        return weighed_means(model, dataloader)

    def __call__(self, model, dataloader):
        return {"loss": summed(model, dataloader)}


def for_bare_models(model, testloader):
    """Of dicts, with a model that returns its logits alone."""
    was = model.training
    total = count = 0
    with torch.no_grad():
        for batch in testloader:
            logits, labels = model.eval()(batch["input_ids"])[:, :-1], batch["labels"][:, 1:]
            total += F.cross_entropy(logits.reshape(-1, logits.size(-1)), labels.reshape(-1), reduction="sum").item()
            count += (labels != -100).sum().item()
    model.train(was)
    return {"loss": total / count}


class Accuracy:
    """Of the likeliest tokens that a trainer keeps; it forgets what it counted."""

    def __init__(self):
        self.right = []

    def __call__(self, eval_preds):
        predictions, labels = eval_preds.predictions[:, :-1], eval_preds.label_ids[:, 1:]
        self.right.extend((predictions == labels)[labels != -100])
        result, self.right = float(np.mean(self.right)), []
        return {"accuracy": result}


def by_place(eval_pred):
    """A metric that takes its predictions and labels by their places."""
    return compute_metrics((eval_pred[0], eval_pred[1]))


def all_but_none(model, batches, limit=None):
    """A part of the batches, taken as of a list."""
    return summed(model, batches[:limit])


STYLES = (
    "for_bare_models",
    "Accuracy",
    "summed",
    "weighed_means",
    "perplexity",
    "pairs",
    "without_labels",
    "of_logits",
    "distilled",
    "compute_metrics",
    "Evaluator",
    "Evaluator.evaluate",
)
