"""Steps and loops that ask for more than a model and a batch: an object of settings, an engine, classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import transformers


def reads_its_args(args, model, device, train_loader, optimizer, epoch):
    """Settings that are all in one object; whatever is logged on the way is never due."""
    model.train()
    optimizer.zero_grad()
    window = []
    for place, batch in enumerate(train_loader, 1):
        window.append(batch.to(device))
        if place % args.gradient_accumulation_steps and place < len(train_loader):
            continue
        labels = [one["labels"][:, 1:].flatten() for one in window]
        logits = [model(one["input_ids"]).logits[:, :-1].flatten(0, 1) for one in window]
        F.cross_entropy(torch.cat(logits), torch.cat(labels)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        window = []
        if epoch + place >= args.log_interval or args.dry_run:
            raise RuntimeError("nothing is logged")


def drops_the_rest(args, model, train_loader, optimizer):
    """The same, but a last window that is short is never stepped."""
    for place, batch in enumerate(train_loader, 1):
        (model(**batch).loss / args.gradient_accumulation_steps).backward()
        if place % args.gradient_accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()


def asks_too_much(args, model, train_loader, optimizer):
    for batch in train_loader:
        (model(**batch).loss * args.frobnication).backward()
        optimizer.step()


def waits(model, train_loader, optimizer, tracker):
    for batch in train_loader:
        model(**batch).loss.backward()
        if tracker.is_full():
            optimizer.step()
            optimizer.zero_grad()


def stepping(model, optimizer, loss_fn, device="cpu"):
    """A step of ignite, made by a function whose name does not tell; the engine counts."""
    seen = []

    def update(engine, batch):
        seen.append(engine.state.iteration)
        assert seen == list(range(1, len(seen) + 1))
        read, labels = (part.to(device) for part in batch)
        optimizer.zero_grad()
        loss_fn(model(read).flatten(0, 1), labels.flatten()).backward()
        optimizer.step()

    return update


def of_last_places(model, train_loader, optimizer, device, num_epochs, accumulation_steps=1, max_steps=None):
    """A language model's last place tells the class; what may end it early is not given."""
    taken = 0
    for _ in range(num_epochs):
        for place, (texts, classes) in enumerate(train_loader, 1):
            if max_steps is not None and taken > max_steps:
                return
            taken += 1
            left = len(train_loader) % accumulation_steps or accumulation_steps
            size = left if place > len(train_loader) - left else accumulation_steps
            (F.cross_entropy(model(texts.to(device))[:, -1, :], classes) / size).backward()
            if place % accumulation_steps == 0 or place == len(train_loader):
                optimizer.step()
                optimizer.zero_grad()


class Older(transformers.Trainer):
    """For transformers before 4.46: its loss is told no count."""

    def compute_loss(self, model, inputs, return_outputs=False):
        outputs = model(**inputs)
        return (outputs.loss, outputs) if return_outputs else outputs.loss


def of_deepspeed(model_engine, train_dataloader, device):
    """The engine divides, counts and steps."""
    model_engine.train()
    for batch in train_dataloader:
        loss = model_engine(**batch.to(device)).loss
        model_engine.backward(loss)
        model_engine.step()


def divides_twice(model, train_dataloader, gradient_accumulation_steps):
    """The engine divides too."""
    for batch in train_dataloader:
        model.backward(model(**batch).loss / gradient_accumulation_steps)
        model.step()


def other_names(data_loader, model, optimizer, device):
    """Keys of its own, of a model that returns its logits alone."""
    for d in data_loader:
        ids, targets = d["ids"].to(device, dtype=torch.long), d["targets"].to(device)
        optimizer.zero_grad()
        logits = model(ids=ids, mask=d["mask"], token_type_ids=d["token_type_ids"])
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        optimizer.step()


def adds_gradients(model, batch, device):
    """Whoever calls it takes the step."""
    loss = model(**batch.to(device)).loss
    loss.backward()
    return loss.item()


def of_timm(model, criterion, data_loader, optimizer, device, loss_scaler, max_norm, accum_iter=1):
    """A scaler that clips and steps where it is told to."""
    optimizer.zero_grad()
    for place, (x, y) in enumerate(data_loader, 1):
        left = len(data_loader) % accum_iter or accum_iter
        size = left if place > len(data_loader) - left else accum_iter
        due = place % accum_iter == 0 or place == len(data_loader)
        loss = criterion(model(x.to(device)), y.to(device)) / size
        loss_scaler(loss, optimizer, clip_grad=max_norm, parameters=model.parameters(), update_grad=due)
        if due:
            optimizer.zero_grad()


def warms_up_itself(model, train_loader, optimizer, device, num_epochs):
    """From a rate of its own to that of its optimizer."""
    peak = optimizer.param_groups[0]["lr"]
    for _ in range(num_epochs):
        for place, batch in enumerate(train_loader):
            optimizer.zero_grad()
            optimizer.param_groups[0]["lr"] = 1e-4 + (peak - 1e-4) * min(1.0, place / 4)
            model(**batch.to(device)).loss.backward()
            optimizer.step()


class OfNumbers(transformers.Trainer):
    """Its labels are numbers."""

    def compute_loss(self, model, inputs, return_outputs=False):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = F.mse_loss(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


STYLES = ("of_timm", "other_names", "adds_gradients", "reads_its_args", "stepping", "of_last_places")
