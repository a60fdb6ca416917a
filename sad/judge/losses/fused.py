"""A loss that takes hidden states and output weights: its gradients, and its chunks."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.target import said
from sad.subjects.divergence import Given
from sad.verdict import Standing, Verdict

WIDTH = 6
TOLERANCE = 1e-4


def fused(call: Call, of: Given) -> Verdict:
    """Compare the gradients of hidden states and weight with those of the logits that they make.

    With the identity as weight the states are the logits; with another the chain rule gives what must come out.
    """
    batch, length, vocab = of.student_logits.shape
    noise = torch.Generator().manual_seed(5)
    weight = torch.randn(vocab, WIDTH, generator=noise, dtype=torch.float64)
    states = torch.randn(batch, length, WIDTH, generator=noise, dtype=torch.float64)
    logits = (states @ weight.T).requires_grad_()
    try:
        (slope,) = torch.autograd.grad(call(replace(of, student_logits=logits)), logits)
        got_states, got_weight = call.through(replace(of, student_logits=logits.detach()), states, weight)
    except Exception as error:
        return Verdict(True, f"could not be judged: {said(error)}", standing=Standing.NOT_APPLICABLE)
    off = {
        "hidden states": _off(got_states.view(states.shape), slope @ weight),
        "weight": _off(got_weight, slope.flatten(0, 1).T @ states.flatten(0, 1)),
    }
    worst = max(off, key=lambda name: off[name])
    numbers = dict(off)
    if not off[worst] <= TOLERANCE:
        return Verdict(
            False,
            f"the gradient of the {worst} is off by {100 * off[worst]:.3g}%",
            numbers,
            example=f"hidden states [{batch * length}, {WIDTH}], weight [{vocab}, {WIDTH}]",
        )
    return Verdict(True, f"gradients of hidden states and weight are right to {off[worst]:.1g}", numbers)


def _off(got: Tensor, right: Tensor) -> float:
    return float((got.double() - right).norm() / right.norm())
