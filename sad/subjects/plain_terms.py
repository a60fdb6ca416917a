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


def distance(mine: Tensor, theirs: Tensor, normalisation: str) -> Tensor:
    """The layerwise term over the places: [place, width] each."""
    if normalisation == COSINE:
        apart = 1 - (unit(mine) * unit(theirs)).sum(dim=-1)
    elif normalisation == RELATIVE:
        apart = (mine - theirs / theirs.square().mean(dim=-1, keepdim=True).sqrt()).square().mean(dim=-1)
    else:
        apart = (normal(mine) - normal(theirs)).square().mean(dim=-1)
    return apart.sum()


def chunks(mine: Sequence[Tensor], theirs: Sequence[Tensor], temperature: float) -> Tensor:
    """Chunk likelihood, of the negative log-likelihoods of each chunk's labels."""
    total = torch.zeros((), dtype=torch.float64)
    for student, teacher in zip(mine, theirs, strict=True):
        q, p = (torch.exp(-nats.sum() / temperature) for nats in (student, teacher))
        total = total + p * (p.log() - q.log()) + (1 - p) * ((1 - p).log() - (1 - q).log())
    return temperature * total


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
    """Mean 0 and variance 1 over the features."""
    centred = states - states.mean(dim=-1, keepdim=True)
    return centred / centred.square().mean(dim=-1, keepdim=True).sqrt()


def unit(states: Tensor) -> Tensor:
    """Length 1."""
    size: Tensor = states.norm(dim=-1, keepdim=True)
    return states / size


def norm(tensors: Iterable[Tensor]) -> float:
    """The length of all tensors together."""
    return float(torch.stack([of.detach().norm() for of in tensors]).norm())
