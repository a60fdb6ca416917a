"""Evaluators with one fault each."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def _each(model, batch):
    logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
    labels = batch["labels"][:, 1:]
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none"), labels != -100


@torch.no_grad()
def mean_of_batches(model, dataloader):
    model.eval()
    losses = [model(**batch).loss.item() for batch in dataloader]
    return sum(losses) / len(losses)


@torch.no_grad()
def mean_of_texts(model, dataloader):
    model.eval()
    means = []
    for batch in dataloader:
        each, kept = _each(model, batch)
        means += [(row[k]).mean().item() for row, k in zip(each, kept, strict=True) if k.any()]
    return sum(means) / len(means)


@torch.no_grad()
def weighed_by_texts(model, dataloader):
    """What a mean over batches becomes where it is weighed by the size of the batch."""
    model.eval()
    total = count = 0
    for batch in dataloader:
        total += model(**batch).loss.item() * len(batch["input_ids"])
        count += len(batch["input_ids"])
    return {"eval_loss": total / count}


@torch.no_grad()
def clamped(model, dataloader):
    model.eval()
    total = count = 0
    for batch in dataloader:
        each, kept = _each(model, batch)
        total, count = total + each.sum().item(), count + kept.sum().item()
    return {"loss": total / count, "perplexity": math.exp(min(total / count, 20))}


@torch.no_grad()
def perplexity_of_batches(model, dataloader):
    """A mean of the batches' perplexities."""
    model.eval()
    found = []
    for batch in dataloader:
        each, kept = _each(model, batch)
        found.append(math.exp(min(each.sum().item() / max(1, kept.sum().item()), 700)))
    return {"perplexity": sum(found) / len(found)}


@torch.no_grad()
def counts_padding(model, dataloader):
    model.eval()
    total = count = 0
    for batch in dataloader:
        each, _ = _each(model, batch)
        total, count = total + each.sum().item(), count + each.numel()
    return {"loss": total / count}


@torch.no_grad()
def not_shifted(model, dataloader):
    model.eval()
    total = count = 0
    for batch in dataloader:
        logits = model(input_ids=batch["input_ids"]).logits
        total += F.cross_entropy(logits.transpose(1, 2), batch["labels"], reduction="sum").item()
        count += (batch["labels"] != -100).sum().item()
    return {"loss": total / count}


@torch.no_grad()
def in_training_mode(model, dataloader):
    total = count = 0
    for batch in dataloader:
        each, kept = _each(model, batch)
        total, count = total + each.sum().item(), count + kept.sum().item()
    return total / count


@torch.no_grad()
def clears_gradients(model, dataloader):
    model.eval()
    model.zero_grad()
    total = count = 0
    for batch in dataloader:
        each, kept = _each(model, batch)
        total, count = total + each.sum().item(), count + kept.sum().item()
    return total / count


def trains(model, dataloader):
    """It learns what it scores."""
    model.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    total = count = 0
    for batch in dataloader:
        each, kept = _each(model, batch)
        each.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        total, count = total + each.sum().item(), count + kept.sum().item()
    return total / count


@torch.no_grad()
def drops_the_last(model, dataloader):
    """The last batch, which may be short, is left out."""
    model.eval()
    total = count = 0
    batches = list(dataloader)
    for batch in batches[:-1] or batches:
        each, kept = _each(model, batch)
        total, count = total + each.sum().item(), count + kept.sum().item()
    return {"loss": total / count}


@torch.no_grad()
def objective_of_batches(student, teacher, dataloader):
    """A number that is none that is known, as a mean over batches."""
    student.eval()
    found = []
    for batch in dataloader:
        kept = batch["labels"][:, 1:] != -100
        q, p = (m(input_ids=batch["input_ids"]).logits[:, :-1][kept] for m in (student, teacher))
        found.append(F.mse_loss(q.softmax(-1), p.softmax(-1)).item())
    return {"distance": sum(found) / len(found)}


def nothing(model, dataloader):
    print(model, len(dataloader))  # noqa: T201 - it prints


def raises(model, dataloader):
    raise RuntimeError(f"no evaluation of {type(model).__name__} on {len(dataloader)} batches")


def asks_too_much(model, dataloader, frobnication):
    return model, dataloader, frobnication


def generates(model, dataloader):
    return sum(model.generate(**batch).numel() for batch in dataloader)


def no_gradient_left_off(model, dataloader):
    """Right but for no_grad, which is left to the caller."""
    model.eval()
    total = count = 0
    for batch in dataloader:
        each, kept = _each(model, batch)
        total, count = total + each.sum().item(), count + kept.sum().item()
    return total / count


def nan_without_labels(model, dataloader):
    model.eval()
    total = count = 0
    with torch.no_grad():
        for batch in dataloader:
            loss, number = model(**batch).loss, (batch["labels"][:, 1:] != -100).sum()
            total, count = total + (loss * number).item(), count + number.item()
    return total / count


def _distances(model, teacher, batches, turned):
    total, labels = 0.0, 0
    for batch in batches:
        kept = batch["labels"][:, 1:] != -100
        mine, theirs = (of(batch["input_ids"]).logits[:, :-1][kept].log_softmax(-1) for of in (model, teacher))
        pair = (theirs, mine) if turned else (mine, theirs)
        total += F.kl_div(*pair, log_target=True, reduction="sum").item()
        labels += int(kept.sum())
    return total / labels


@torch.no_grad()
def exchanged(model, teacher, batches):
    """Of its distance to the teacher, which it calls after none of the two."""
    return {"kd_loss": _distances(model, teacher, batches, turned=True)}


@torch.no_grad()
def reverse_kl(model, teacher, batches):
    """It says so."""
    return {"kd_loss": _distances(model, teacher, batches, turned=True)}


@torch.no_grad()
def distance(model, teacher, batches):
    return {"kd_loss": _distances(model, teacher, batches, turned=False)}


class KeepsItsCounts:
    """The accuracies of an evaluation are in the mean of the next one too (LLaMA-Factory #4786)."""

    def __init__(self):
        self.right = []

    def __call__(self, eval_preds):
        predictions, labels = eval_preds.predictions[:, :-1], eval_preds.label_ids[:, 1:]
        self.right.extend((predictions == labels)[labels != -100])
        return {"accuracy": float(sum(self.right) / len(self.right))}


def counts_first_tokens(model, dataloader):
    """Means of batches weighed by all labels, of which a model's loss leaves the first out."""
    model.eval()
    total = count = 0
    for batch in dataloader:
        with torch.no_grad():
            loss = model(**batch).loss
        number = (batch["labels"] != -100).sum().item()
        total, count = total + loss.item() * number, count + number
    return {"loss": total / count}


FAULTS = {
    "counts_first_tokens": ("token_weighted", "count labels[:, 1:]"),
    "KeepsItsCounts": ("can_be_called", "keeps what it counted"),
    "exchanged": ("token_weighted", "kd_loss is KL(student || teacher)"),
    "mean_of_batches": ("token_weighted", "lm_loss"),
    "mean_of_texts": ("token_weighted", "lm_loss"),
    "weighed_by_texts": ("batch_split", "eval_loss"),
    "clamped": ("token_weighted", "too sure: perplexity"),
    "perplexity_of_batches": ("token_weighted", "perplexity"),
    "counts_padding": ("token_weighted", "lm_loss"),
    "not_shifted": ("token_weighted", "lm_loss"),
    "in_training_mode": ("modes_restored", "two answers to one text differ"),
    "clears_gradients": ("model_untouched", "gone"),
    "trains": ("model_untouched", "it trains on what it scores"),
    "drops_the_last": ("batch_split", "in six batches"),
    "objective_of_batches": ("batch_split", "distance"),
    "nothing": ("can_be_called", "None"),
    "raises": ("can_be_called", "no evaluation of Recaller"),
}
"""The property that each breaks, and a word of what is said."""
