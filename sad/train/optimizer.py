"""The optimizer and the learning rate of each step."""

from __future__ import annotations

import math

import torch

from sad.distiller import Distiller
from sad.recipe.schema import Train
from sad.train.processes import engine


def make_optimizer(distiller: Distiller, recipe: Train) -> torch.optim.AdamW:
    """Return AdamW over the student and the projectors: nothing of the teacher, each tensor once.

    Matrices of the student decay; vectors do not; the projectors have a learning rate of their own.
    """
    trainable = [p for p in distiller.student.parameters() if p.requires_grad]
    groups = [
        ("student", [p for p in trainable if p.ndim >= 2], recipe.learning_rate, recipe.weight_decay),
        ("student", [p for p in trainable if p.ndim < 2], recipe.learning_rate, 0.0),
        ("projectors", list(distiller.outside()), recipe.projector_learning_rate, 0.0),
    ]
    filled = [
        {"name": name, "params": some, "lr": rate, "peak": rate, "weight_decay": decay}
        for name, some, rate, decay in groups
        if some
    ]
    return torch.optim.AdamW(filled, betas=(0.9, 0.95), fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, step: int, total: int, recipe: Train) -> float:
    """Give every group its learning rate for ``step`` of ``total``; return that of the first group."""
    factor = rate_factor(step, total, recipe.warmup, recipe.final_learning_rate)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return float(optimizer.param_groups[0]["lr"])


def rate_factor(step: int, total: int, warmup: float, final: float) -> float:
    """Return the share of the peak learning rate at optimizer step ``step`` (from 0) of ``total``.

    A line from 1/w up to 1 over the first w = warmup * total steps, then half a cosine down to ``final`` at the
    last step. A function of the step alone: resuming needs no state, and no call can be forgotten or made twice.
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising) / max(1, total - 1 - rising)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def check_moment(optimizer: torch.optim.Optimizer, index: int, key: str, value: torch.Tensor) -> None:
    """Raise ValueError for a state that is not AdamW's for that parameter: its fused step reads and writes as many
    numbers as the parameter has, however small the state is.
    """
    # under DeepSpeed the groups hold flat pieces
    every = getattr(optimizer, "order", None) or [p for group in optimizer.param_groups for p in group["params"]]
    shape = torch.Size() if key == "step" else engine.shape(every[index])
    if key not in ("step", *engine.MOMENTS) or value.shape != shape or not value.is_floating_point():
        raise ValueError(f"its optimizer's {key} of parameter {index} is {list(value.shape)}, not {list(shape)}")
