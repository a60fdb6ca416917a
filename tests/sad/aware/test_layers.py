"""The learned map: a mixture of normalised states, with a gradient to the map and none to the teacher."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad import tiny
from sad.aware.layers import LayerMap
from sad.data import collate
from sad.distiller import Distiller
from sad.losses.layerwise import between
from sad.pair import Pair
from sad.recipe.aware import Aware
from sad.recipe.terms import Terms
from sad.train.optimizer import make_optimizer


def standard(x: Tensor) -> Tensor:
    centred = x.double() - x.double().mean(-1, keepdim=True)
    return centred / centred.square().mean(-1, keepdim=True).sqrt()


@given(st.integers(1, 5), st.integers(1, 4), st.integers(3, 16), st.integers(0, 99))
def test_mixture_distance_and_gradient_are_those_of_the_definition(
    depth: int, rows: int, width: int, seed: int
) -> None:
    of = torch.Generator().manual_seed(seed)
    blocks = [10.0**k * torch.randn(rows, width, generator=of) for k in range(depth)]
    student = torch.randn(rows, width, generator=of)
    made = LayerMap([seed % depth, 0], depth)
    blocks[0].requires_grad_()
    found = between(student, made(0, blocks))
    slope, of_teacher = torch.autograd.grad(found.total, [made.scores, blocks[0]], allow_unused=True)

    scores = made.scores.detach().double().requires_grad_()
    shares = torch.softmax(scores[0], dim=-1)
    mixed = sum(share * standard(block.detach()) for share, block in zip(shares, blocks, strict=True))
    expected = (standard(student) - standard(mixed)).square().mean(-1).sum()
    (right,) = torch.autograd.grad(expected, scores)
    assert float(found.total.detach()) == pytest.approx(float(expected.detach()), rel=1e-3, abs=1e-4)
    torch.testing.assert_close(slope.double(), right, rtol=1e-2, atol=2e-3)
    assert of_teacher is None
    assert found.units == rows


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_rows_sum_to_one_and_begin_at_the_block_of_their_depth(starts: list[int]) -> None:
    shares = LayerMap(starts, 7).weights
    assert shares.sum(dim=-1).tolist() == pytest.approx([1.0] * len(starts))
    assert shares.argmax(dim=-1).tolist() == starts


def made(student_layers: int, pairs: int, learned: bool = True) -> Distiller:
    one = tiny.pair()
    pair = Pair(tiny.model(320, layers=student_layers, width=16, seed=2), one.teacher, one.readers, one.vocab)
    terms = Terms.model_validate({"layerwise": {"layers": pairs}})
    return Distiller(
        pair.student, pair.teacher, pair.vocab, terms, aware=Aware.model_validate({"layers": {"learned": learned}})
    )


def test_a_deeper_student_has_a_row_for_each_block_and_all_learn() -> None:
    of = made(5, 5)
    assert [mine for mine, _ in of.pairs] == [0, 1, 2, 3, 4]
    assert of.layer_map is not None
    assert tuple(of.layer_map.scores.shape) == (5, 3)
    batch = collate(tiny.plan().train[:2], tiny.pair().readers)
    sums = of(batch, of.ask_teacher(batch))
    (slope,) = torch.autograd.grad(sums["layerwise"].total, of.layer_map.scores)
    assert bool((slope.abs().sum(dim=-1) > 0).all())
    assert len(made(5, 5, learned=False).pairs) == 3


def test_the_map_is_trained_and_saved_outside_the_student() -> None:
    of = made(2, 2)
    assert of.layer_map is not None
    assert "layer_map.scores" in of.state_dict()
    assert not any("layer_map" in name for name in of.student.state_dict())
    groups = make_optimizer(of, tiny.recipe().train).param_groups
    assert [g["name"] for g in groups if any(p is of.layer_map.scores for p in g["params"])] == ["projectors"]
    assert made(2, 2, learned=False).layer_map is None
