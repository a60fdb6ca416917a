"""A loss of texts is one number in training and in evaluation.

## Property
On the same texts and weights, with a model that has no dropout: the loss is a finite number in training mode, in
evaluation mode, and in evaluation mode where no gradient is recorded, as evaluations are run. The three are equal, and
the gradients of the first two. So it is for a table, a Llama and a GPT-2, where padding and end are two marks or one.

## Why it must hold
A fused loss is there for training, and the way without it is taken where logits are wanted or no gradient is: two
pieces of code for one number. Whoever tests the one has not tested the other, and a curve of the evaluation that is of
another quantity cannot be read beside that of the training. Which tokens are learned is another property
(`target_alignment`): an evaluation can learn the right ones and divide by another number.

## Tolerance
1e-5 of the value and of the gradient's norm: the two ways may add in another order, in float32. 0 was found for the
code that trains.

## What breaks it
A forward pass that looks for labels under a name that only training uses; a mean over texts in evaluation and over
labels in training; prompts that count in one of them; logits that are rounded on one way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sad.invariants._models import VOCABULARY, Table, gpt2, llama
from sad.subjects.text_loss import Marks, Text, TextLoss
from sad.verdict import Verdict

ID = "I07"

TOLERANCE = 1e-5
EOS, PAD = 0, 1
TEXTS = (
    Text((2, 3, 4), (5, 6, 7, EOS)),
    Text((), (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, EOS)),
    Text((15, 16, 17, 18, 19), (20, EOS)),
    # one that was cut
    Text((25,), (26, 27)),
)
"""Unequal numbers of labels: equal ones hide every denominator."""
WAYS = "in training", "in evaluation", "in evaluation without a gradient"


def evaluation_as_training(loss: TextLoss) -> Verdict:
    """Judge a loss with three models, each in training and in evaluation."""
    worst, told = 0.0, ""
    for name, model in _models():
        for marks in (Marks(EOS, PAD), Marks(EOS, EOS)):
            values, gradients = list[float](), list[Tensor]()
            for way in WAYS:
                found = _asked(loss, model, marks, way)
                if isinstance(found, str):
                    return Verdict(False, f"{found} {way}", {"values": len(values)})
                values.append(found[0])
                gradients.append(found[1])
            for value, way in zip(values[1:], WAYS[1:], strict=True):
                off = abs(value - values[0]) / max(abs(values[0]), 1e-9)
                if not off <= TOLERANCE:
                    says = (
                        f"{values[0]:.4g} nats in training, {value:.4g} {way}, of the same texts and weights ({name})"
                    )
                    return Verdict(False, says, {"training": values[0], "evaluation": value})
                worst = max(worst, off)
            apart = float((gradients[1] - gradients[0]).norm() / gradients[0].norm().clamp_min(1e-300))
            if not apart <= TOLERANCE:
                says = f"the gradient in evaluation is {apart:.0%} away from that in training ({name})"
                return Verdict(False, says, {"apart": apart})
            worst, told = max(worst, apart), told or f"{values[0]:.4g} nats"
    return Verdict(True, f"{told} in training and evaluation; three models agree within {worst:.1g}", {"apart": worst})


def _models() -> Iterator[tuple[str, nn.Module]]:
    noise = torch.Generator().manual_seed(4)
    table = 3 * torch.randn(VOCABULARY, VOCABULARY, dtype=torch.float64, generator=noise)
    yield "a table", Table(table)
    yield "a Llama", llama()
    yield "a GPT-2", gpt2()


def _asked(loss: TextLoss, model: nn.Module, marks: Marks, way: str) -> tuple[float, Tensor] | str:
    """The loss and its gradient, flat, empty where none is recorded; or what went wrong, in words."""
    weights, recorded = [p for p in model.parameters() if p.requires_grad], way != WAYS[2]
    with _mode(model, training=way == WAYS[0]), torch.set_grad_enabled(recorded):
        try:
            value: object = loss(model, TEXTS, marks)
            if not isinstance(value, Tensor):
                return f"the loss is {value}"
            if not math.isfinite(float(value.detach())):
                return f"the loss is {float(value.detach()):g}"
            if not recorded:
                return float(value), torch.empty(0)
            below = torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True)
        except Exception as error:
            # whatever it raises is what the user would see
            return f"it raises {type(error).__name__}: {str(error).partition(chr(10))[0]},"
    return float(value.detach()), torch.cat([gradient.flatten().double() for gradient in below])


@contextmanager
def _mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    # the models are those of others too
    before = model.training
    model.train(training)
    try:
        yield
    finally:
        model.train(before)
