"""Layerwise term: distance between normalised hidden states at common boundaries."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sad.batch import Sum

EPSILON = 1e-8
NOTHING = 1e-20
"""Largest magnitude of a row that is taken for zero; no half precision can hold so little."""


def layer_distance(student: Float[Tensor, "boundary width"], teacher: Float[Tensor, "boundary width"]) -> Sum:
    """Return the sum over boundaries of the mean squared difference of the normalised states, in float32.

    Each state is brought to mean 0 and variance 1 over its features (LayerNorm without parameters), so one
    boundary gives ``2 - 2 r``, r the correlation of the two states: 2 for unrelated ones, 0 for equal ones,
    never above 4. A few enormous activations of the teacher (Sun et al. 2024, arXiv 2402.17762) can then
    neither own the loss nor make it depend on the length. The teacher gets no gradient.
    """
    squared = (normalise(student) - normalise(teacher.detach())).square()
    return Sum(squared.mean(dim=-1).sum(), int(student.shape[0]))


def normalise(states: Float[Tensor, "boundary width"]) -> Float[Tensor, "boundary width"]:
    """Bring each row to mean 0 and variance 1, in float32; a constant row becomes zero.

    The row is first divided by its largest magnitude, so that ``EPSILON`` means the same for a state of
    size 0.01 and for one with an activation of 25,000.
    """
    states = states.float()
    largest = states.detach().abs().amax(dim=-1, keepdim=True)
    # a row of nothing has no scale: divided by it, its gradient would be infinite
    scale = torch.where(largest > NOTHING, largest, 1.0)
    return F.layer_norm(states / scale, states.shape[-1:], eps=EPSILON)
