"""The terms in the plainest form, for one text: float64, one place at a time where a formula is of one place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from sad.subjects.objective import COSINE, RELATIVE

FLOOR = 1e-6
"""Mass added to every piece that a map may look at."""
SURE = 1e-6
"""Nats that float32 does not tell from none."""


def distance(mine: Tensor, theirs: Tensor, normalisation: str) -> Tensor:
    """The layerwise term over the places: [place, width] each."""
    if normalisation == COSINE:
        # 1 - cos; half of that against a row of zeros
        apart = (unit(mine).square() + unit(theirs).square()).sum(dim=-1) / 2 - (unit(mine) * unit(theirs)).sum(dim=-1)
    elif normalisation == RELATIVE:
        apart = (mine - unit(theirs) * math.sqrt(theirs.shape[-1])).square().mean(dim=-1)
    else:
        apart = (normal(mine) - normal(theirs)).square().mean(dim=-1)
    return apart.sum()


def chunks(mine: Sequence[Tensor], theirs: Sequence[Tensor], temperature: float) -> Tensor:
    """Chunk likelihood, of the negative log-likelihoods of each chunk's labels."""
    student, teacher = (torch.stack([nats.sum() for nats in side]) for side in (mine, theirs))
    return chunks_apart(student, teacher, temperature)


def chunks_apart(mine: Tensor, theirs: Tensor, temperature: float) -> Tensor:
    """The same, of the negative log-likelihood of each chunk; none is surer than float32 tells."""
    q, p = (torch.exp(-(nats.clamp_min(0.0) + SURE) / temperature) for nats in (mine, theirs))
    apart = torch.xlogy(p, p) - torch.xlogy(p, q) + (1 - p) * (torch.log1p(-p) - torch.log1p(-q))
    return temperature * apart.sum()


def relations(mine: Tensor, theirs: Tensor, heads: int) -> Tensor:
    """KL of the relations of queries, or keys, or values, [place, width] each; the mean over relation heads."""
    total = torch.zeros((), dtype=torch.float64)
    # heads, places, width of a head
    parts = [of.reshape(len(of), heads, -1).transpose(0, 1) for of in (mine, theirs)]
    for place in range(len(mine)):
        log_q, log_p = (
            torch.log_softmax(part[:, : place + 1] @ part[:, place, :, None] / math.sqrt(part.shape[2]), dim=1)
            for part in parts
        )
        total = total + (log_p.exp() * (log_p - log_q)).sum() / heads
    return total


def maps(mine: Tensor, theirs: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
    """KL of the attention maps [head, position, position], by the pieces of text that end at the places."""
    total = torch.zeros((), dtype=torch.float64)
    sides = []
    for side, whole in enumerate((mine, theirs)):
        ends = [-1, *(place[side] for place in places)]
        rows = whole.mean(dim=0)[ends[1:]]
        # one row a place, one column a piece
        sides.append(torch.stack([rows[:, a + 1 : b + 1].sum(dim=1) for a, b in itertools.pairwise(ends)], dim=1))
    for place in range(len(places)):
        # a place looks at the pieces up to its own
        q, p = (pieces[place, : place + 1] + FLOOR for pieces in sides)
        q, p = q / q.sum(), p / p.sum()
        total = total + (p * (p / q).log()).sum()
    return total


def nearest(mine: Tensor, theirs: Tensor, sharpness: float) -> Tensor:
    """InfoNCE over the places of what may be mixed up."""
    return -torch.log_softmax(unit(mine) @ unit(theirs).T / sharpness, dim=-1).diagonal().sum()


def normal(states: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the features; a row that is the same everywhere becomes 0."""
    centred = states - states.mean(dim=-1, keepdim=True)
    return unit(centred) * math.sqrt(states.shape[-1])


def unit(states: Tensor) -> Tensor:
    """Length 1; a row of zeros stays."""
    size = states.norm(dim=-1, keepdim=True)
    return states / torch.where(size > 0, size, 1.0)


def norm(tensors: Iterable[Tensor]) -> float:
    """The length of all tensors together."""
    return float(torch.stack([of.detach().norm() for of in tensors]).norm())
