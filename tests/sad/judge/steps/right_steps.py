"""Right steps and loops, in the styles in which people write them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import transformers


def _summed(model, batch):
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=-100, reduction="sum")


def _count(batch):
    return int((batch["labels"][:, 1:] != -100).sum())


def plain(model, batch, optimizer):
    """A whole step: forward, backward, step, clear."""
    loss = model(**batch).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def distilled(student, teacher, batch, optimizer, scheduler=None, max_grad_norm=1.0, temperature=2.0):
    """Cleared before; clipped; the schedule moves once."""
    optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        target = teacher(input_ids=batch["input_ids"]).logits
    out = student(input_ids=batch["input_ids"], labels=batch["labels"])
    kept = batch["labels"][:, 1:] != -100
    kd = F.kl_div(
        (out.logits[:, :-1][kept] / temperature).log_softmax(-1),
        (target[:, :-1][kept] / temperature).log_softmax(-1),
        log_target=True,
        reduction="batchmean",
    )
    loss = 0.5 * out.loss + 0.5 * temperature**2 * kd
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), max_grad_norm)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.item(), "kd": kd.item()}


def by_count(model, batch, optimizer, num_items_in_batch, is_last):
    """Told of the labels of the window, and whether it ends."""
    (_summed(model, batch) / num_items_in_batch).backward()
    if is_last:
        optimizer.step()
        optimizer.zero_grad()


def window(model, micro_batches, optimizer, max_norm=1.0):
    """The micro-batches of a window at once."""
    labels = sum(map(_count, micro_batches))
    for batch in micro_batches:
        (_summed(model, batch) / labels).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad()


def epoch(model, loader, optimizer, scheduler, gradient_accumulation_steps=1):
    """A loop over an epoch: gradients of sums, divided once they are whole; a last window that is short is a step."""
    labels = 0
    for number, batch in enumerate(loader):
        _summed(model, batch).backward()
        labels += _count(batch)
        if (number + 1) % gradient_accumulation_steps == 0 or number + 1 == len(loader):
            for parameter in model.parameters():
                parameter.grad /= labels
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            labels = 0


def whole_run(student, teacher, train_loader, epochs=1, lr=1e-3):
    """A run with an optimizer of its own."""
    optimizer = torch.optim.AdamW(student.parameters(), lr=lr)
    for _ in range(epochs):
        for batch in train_loader:
            student.train()
            with torch.no_grad():
                target = teacher(input_ids=batch["input_ids"]).logits
            kept = batch["labels"][:, 1:] != -100
            mine = student(input_ids=batch["input_ids"]).logits[:, :-1][kept].log_softmax(-1)
            loss = F.kl_div(mine, target[:, :-1][kept].softmax(-1), reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def shifted(model, batch, optimizer):
    """Batches of what is read and what follows."""
    x, y = batch
    loss = F.cross_entropy(model(x).logits.transpose(1, 2), y, ignore_index=-100)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def scheduled_by_hand(model, batch, optimizer, step, learning_rate, warmup_steps=2):
    """The rate is set from the number of the step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * min(1.0, step / max(1, warmup_steps))
    optimizer.zero_grad()
    model(**batch).loss.backward()
    optimizer.step()


class Distiller:
    """Made with the models, called on batches."""

    def __init__(self, student, teacher, optimizer, device="cpu"):
        self.student, self.teacher, self.optimizer, self.device = student, teacher, optimizer, device

    def train_step(self, batch):
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with torch.no_grad():
            target = self.teacher(input_ids=batch["input_ids"]).logits.softmax(-1)
        mine = self.student(input_ids=batch["input_ids"]).logits.log_softmax(-1)
        kept = batch["attention_mask"].bool()
        loss = F.kl_div(mine[kept], target[kept], reduction="batchmean")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def of_pairs(student, teacher, loader, optimizer, scaler, device, temperature, alpha):
    """Models that return logits, batches of what is read and what follows, a scaler."""
    for ids, following in loader:
        ids, following = ids.to(device), following.to(device)
        optimizer.zero_grad()
        mine = student(ids).flatten(0, 1)
        with torch.no_grad():
            theirs = teacher(ids).flatten(0, 1)
        kept = following.flatten() != -100
        soft = F.kl_div(
            F.log_softmax(mine[kept] / temperature, 1), F.softmax(theirs[kept] / temperature, 1), reduction="batchmean"
        )
        hard = F.cross_entropy(mine, following.flatten(), ignore_index=-100)
        scaler.scale(alpha * soft * temperature**2 + (1 - alpha) * hard).backward()
        scaler.step(optimizer)
        scaler.update()


def apart(model, optimizer, inputs, labels):
    """What is read with its mask, and the labels apart."""
    ids, mask = inputs
    optimizer.zero_grad()
    F.cross_entropy(model(ids, mask).flatten(0, 1), labels.flatten(), ignore_index=-100).backward()
    optimizer.step()


def make_step(model, optimizer, max_grad_norm=1.0):
    """Makes a step of x and y."""

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=-100).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()

    return step


class Trained(transformers.Trainer):
    """A trainer that takes the loss of the library's models."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(**inputs, num_items_in_batch=num_items_in_batch)
        return (outputs.loss, outputs) if return_outputs else outputs.loss


def by_accelerate(model, train_dataloader, optimizer, accelerator):
    """It takes an accelerator, and nothing of it but its backward: no windows."""
    model.train()
    for batch in train_dataloader:
        accelerator.backward(model(**batch).loss)
        optimizer.step()
        optimizer.zero_grad()


STYLES = (
    "by_accelerate",
    "plain",
    "distilled",
    "by_count",
    "window",
    "epoch",
    "whole_run",
    "shifted",
    "scheduled_by_hand",
    "Distiller",
    "Distiller.train_step",
)


def of_ids(student, teacher, inputs, optimizer, max_norm=1.0):
    """Models are called by another name for ids, and return logits alone."""
    with torch.no_grad():
        target = teacher(x=inputs).flatten(0, 1)
    F.kl_div(student(x=inputs).flatten(0, 1).log_softmax(-1), target.softmax(-1), reduction="batchmean").backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad()


def of_classes(teacher, student, train_loader, epochs, learning_rate, T, soft_loss_weight, hard_loss_weight, device):  # noqa: N803
    """Examples of one class each; it makes its optimizer itself."""
    optimizer = torch.optim.SGD(student.parameters(), lr=learning_rate)
    teacher.eval()
    for _ in range(epochs):
        for examples, classes in train_loader:
            optimizer.zero_grad()
            with torch.no_grad():
                target = (teacher(examples.to(device)) / T).softmax(-1)
            logits = student(examples.to(device))
            soft = -(target * (logits / T).log_softmax(-1)).sum() / len(logits) * T**2
            (soft_loss_weight * soft + hard_loss_weight * F.cross_entropy(logits, classes)).backward()
            optimizer.step()


PUBLIC = ("of_pairs", "apart", "make_step", "of_ids", "of_classes")
"""Those of many public repositories: no models of transformers, no dicts."""
