"""The plain terms, against torch's own functions and numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, kl_divergence

from sad.subjects.plain import terms as plain


def states(rows: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_distances_are_those_of_torch() -> None:
    mine, theirs = states(5, 8, 1), states(5, 8, 2)
    normal = F.layer_norm(mine, (8,), eps=0) - F.layer_norm(theirs, (8,), eps=0)
    cosine = 1 - F.cosine_similarity(mine, theirs)
    torch.testing.assert_close(plain.distance(mine, theirs, "layernorm"), normal.square().mean(-1).sum())
    torch.testing.assert_close(plain.distance(mine, theirs, "cosine"), cosine.sum())
    relative = plain.distance(3 * F.rms_norm(theirs, (8,)), theirs, "relative")
    assert float(relative) == pytest.approx(5 * 4.0)


def test_chunks_are_coins() -> None:
    nats = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    other = torch.tensor([0.1, 0.2], dtype=torch.float64)
    found = plain.chunks([nats[:1], nats[1:]], [other[:1], other[1:]], 4.0)
    coins = [
        kl_divergence(Bernoulli(math.exp(-t / 4)), Bernoulli(math.exp(-s / 4))) for s, t in ((0.5, 0.1), (3.0, 0.2))
    ]
    assert float(found) == pytest.approx(4.0 * float(torch.stack(coins).sum()), rel=1e-5)


def test_relations_by_hand() -> None:
    # one feature: of two places, the second looks at both
    mine, theirs = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([[2.0], [1.0]]).double()
    q, p = torch.softmax(torch.tensor([0.0, 1.0]), 0), torch.softmax(torch.tensor([2.0, 1.0]), 0)
    expected = float((p * (p / q).log()).sum())
    assert float(plain.relations(mine, theirs, 1)) == pytest.approx(expected, rel=1e-5)
    both = plain.relations(torch.cat([mine, mine], 1), torch.cat([theirs, theirs], 1), 2)
    assert float(both) == pytest.approx(expected, rel=1e-5)


def test_maps_by_hand() -> None:
    mine = torch.tensor([[[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]]).double()
    theirs = torch.tensor([[[1.0, 0], [0.9, 0.1]]]).double()
    # the student's first two tokens are the teacher's first
    expected = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert float(plain.maps(mine, theirs, [(1, 0), (2, 1)])) == pytest.approx(expected, rel=1e-4)


def test_the_nearest_is_a_cross_entropy() -> None:
    mine, theirs = states(6, 8, 3), states(6, 8, 4)
    logits = F.normalize(mine) @ F.normalize(theirs).T / 0.5
    expected = F.cross_entropy(logits, torch.arange(6), reduction="sum")
    torch.testing.assert_close(plain.nearest(mine, theirs, 0.5), expected)
