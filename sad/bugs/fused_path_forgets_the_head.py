"""The fused path leaves out what the model does to its logits

## Symptom
With the memory-saving loss the values are others than without it, and the student's own evaluation does not get
better: on models that scale or soft-cap their logits (Gemma, Cohere, Granite), or whose head has a bias (Phi).

## Mechanism
A fused loss multiplies states and weight itself, so as to never hold all logits. What the model's forward does after
that product is not a part of the weight, and is left out; where it is put in, its derivative often is not.

## What its documented fix did
The soft-cap was added to the value. The gradient was that of the logits behind it.

## Fix
One description of a head for every path, with scale, bias and soft-cap, its derivative beside it
(`sad/head/linear.py`); a model whose head does something else is refused before the first step.

## Source
huggingface/trl#5731 and #7063, linkedin/Liger-Kernel: soft-caps and scales became arguments of the fused losses one by
one; T10 of the catalogue of real bugs is the same path with other defaults.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.states_parity import states_parity
from sad.shipped.states_loss import states_loss
from sad.subjects.states import States, StatesLoss, teacher_probabilities


def buggy() -> StatesLoss:
    """States times weight, and nothing else."""
    return lambda given: _loss(given, given.hidden.float() @ given.weight.float().T)


def value_alone() -> StatesLoss:
    """All of it in the value; the gradient goes past the soft-cap."""

    def loss(given: States) -> Tensor:
        logits = given.scale * (
            given.hidden.float() @ given.weight.float().T + (0.0 if given.bias is None else given.bias)
        )
        if given.softcap is not None:
            capped = given.softcap * torch.tanh(logits / given.softcap)
            logits = logits + (capped - logits).detach()
        return _loss(given, logits)

    return loss


fixed = states_loss


def _loss(given: States, logits: Tensor) -> Tensor:
    p = teacher_probabilities(given).to(logits.dtype)
    log_q = torch.log_softmax(logits[given.at, : given.tokens] / given.temperature, dim=-1)
    value = (torch.xlogy(p, p) - p * log_q).sum()
    divergence = value.detach() + given.temperature**2 * (value - value.detach())
    return given.shares[0] * divergence + given.shares[1] * F.cross_entropy(logits, given.labels, reduction="sum")


BUG = Bug(
    "V220",
    "fused-path-forgets-the-head",
    __doc__,
    (states_parity,),
    buggy,
    fixed,
    {"the soft-cap in the value": value_alone},
)
