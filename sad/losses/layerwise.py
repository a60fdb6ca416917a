"""Layerwise term: distance between normalised hidden states at common boundaries."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sad.batch import Sum

Normalisation = Literal["layernorm", "relative", "cosine"]

EPSILON = 1e-8
NOTHING = 1e-20
"""Largest magnitude of a row that is taken for zero; no half precision can hold so little."""


def layer_distance(
    student: Float[Tensor, "boundary width"],
    teacher: Float[Tensor, "boundary width"],
    normalisation: Normalisation = "layernorm",
) -> Sum:
    """Return the sum over boundaries of the distance of the normalised states, in float32.

    ``layernorm``: each state is brought to mean 0 and variance 1 over its features (LayerNorm without parameters);
    the mean squared difference is then ``2 - 2 r``, r the correlation of the two: 0 for equal ones, 2 for unrelated
    ones, never above 4. ``relative``: the student's state against the teacher's at mean square 1, so the student's
    size and offset count too; it is 1 for a student's state of 0. ``cosine``: ``1 - cos``, 0 to 2.

    Each state is normalised by itself, with nothing of its neighbours: so the sum does not depend on how a batch is
    cut, and a few enormous activations of the teacher (Sun et al. 2024, arXiv 2402.17762) can own neither the loss nor
    its gradient. The teacher's mean square over a batch would do the opposite, one such state silencing all others;
    and to divide by that of each state, with the student's left as it is, would let the smallest states own the sum.
    The teacher gets no gradient.
    """
    return between(student, teacher.detach(), normalisation)


def between(
    student: Float[Tensor, "boundary width"],
    target: Float[Tensor, "boundary width"],
    normalisation: Normalisation = "layernorm",
) -> Sum:
    """Return the same with a gradient to the target too, for a learned target: a mixture of detached states."""
    student, target = student.float(), target.float()
    match normalisation:
        case "layernorm":
            total = (normalise(student) - normalise(target)).square().mean(dim=-1).sum()
        case "relative":
            total = (student - _mean_square_one(target)).square().mean(dim=-1).sum()
        case "cosine":
            # half the squared distance of unit vectors: exact also where they are nearly one
            total = (_unit(student) - _unit(target)).square().sum() / 2
    return Sum(total, int(student.shape[0]))


def normalise(states: Float[Tensor, "boundary width"]) -> Float[Tensor, "boundary width"]:
    """Bring each row to mean 0 and variance 1, in float32; a constant row becomes zero.

    The row is first divided by its largest magnitude, so that ``EPSILON`` means the same for a state of
    size 0.01 and for one with an activation of 25,000.
    """
    states = states.float()
    return F.layer_norm(states / _largest(states), states.shape[-1:], eps=EPSILON)


def _mean_square_one(states: Float[Tensor, "boundary width"]) -> Float[Tensor, "boundary width"]:
    """Bring each row to mean square 1; a row of zeros stays."""
    return _unit(states) * math.sqrt(states.shape[1])


def _unit(states: Float[Tensor, "boundary width"]) -> Float[Tensor, "boundary width"]:
    """Bring each row to length 1; a row of zeros stays."""
    return F.normalize(states, dim=-1, eps=NOTHING)


def _largest(states: Float[Tensor, "boundary width"]) -> Float[Tensor, "boundary 1"]:
    """Largest magnitude of each row, without gradient; 1 for a row of zeros, which has no scale."""
    largest = states.detach().abs().amax(dim=-1, keepdim=True)
    # NaN stays: it is not <= anything
    return torch.where(largest <= NOTHING, 1.0, largest)
