"""Evaluators that ask for other things than a model and batches of dicts; faulty ones among them."""

from __future__ import annotations

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
    """Right for examples of one class each, which texts are not."""
    right = count = 0
    for examples, classes in data_loader:
        right += int((model(examples)[:, -1, :].argmax(-1) == classes).sum())
        count += len(examples)
    return right / count


STYLES = ("perplexity", "reads_its_config")
