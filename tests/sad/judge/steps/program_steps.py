"""A program: its loops read what it sets where it is run, save at their end, and one stands inside a function."""

from __future__ import annotations

import torch

notes: list[str] = []


def of_its_program(epoch, loader, iters, run=None):
    """Pairs of ids and labels; a mixture of experts has a loss of its own."""
    for place, (ids, labels) in enumerate(loader, 1):
        out = model(ids.to(args.device), labels=labels)
        left = iters % args.accumulation_steps or args.accumulation_steps
        size = left if place > iters - left else args.accumulation_steps
        scaler.scale((out.loss + out.aux_loss) / size).backward()
        if place % args.accumulation_steps == 0 or place == iters:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        if place % args.log_interval == 0 or place == iters:
            notes.append(f"{epoch} of {args.epochs}, {config.name}")
            torch.save(model.state_dict(), f"{args.save_dir}/{args.save_weight}_{config.hidden_size}.pth")
            if run:
                run.log({"loss": out.loss})


def one_too_early(loader, iters):
    """Places count from 1, and the first window is short by one."""
    for place, (ids, labels) in enumerate(loader, 1):
        scaler.scale(model(ids, labels=labels).loss / args.accumulation_steps).backward()
        if (place + 1) % args.accumulation_steps == 0 or place == iters:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()


def needs_more(loader):
    """What it multiplies by is not told by its name."""
    for batch in loader:
        (model(**batch).loss * frobnication).backward()
        optimizer.step()


def main():
    """Sets what the loop inside it reads."""
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def epoch(train_dataloader):
        for batch in train_dataloader:
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    epoch([])


STYLES = ("of_its_program", "main.epoch")

if __name__ == "__main__":
    args, config, frobnication = None, None, 1
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
