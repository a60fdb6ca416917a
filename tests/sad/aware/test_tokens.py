"""Weights of positions: those of the definition, bounded, of mean 1, the same however a step is cut."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.aware.tokens import Gaps
from sad.head.linear import Head
from sad.head.target import Live
from sad.head.vocabulary import Compared, vocabulary_pass

gaps = st.lists(st.floats(0, 50, width=32), min_size=1, max_size=12)
powers = st.floats(-2, 2)


def made(power: float, most: float, mean: float | None = None, size: float | None = None) -> Gaps:
    return Gaps(power, most, mean, size)


def reference(gap: float, power: float, most: float, mean: float) -> float:
    if gap == 0 and power < 0:
        return most
    return max(1 / most, min(most, (gap / mean) ** power))


@given(gaps, powers, st.floats(1.5, 8), st.floats(0.1, 5), st.floats(0.5, 2))
def test_they_are_those_of_the_definition_and_bounded(
    values: list[float], power: float, most: float, mean: float, size: float
) -> None:
    of = made(power, most, mean, size)
    found = of.weights(torch.tensor(values))
    factors = [reference(value, power, most, mean) for value in values]
    assert found.tolist() == pytest.approx([factor / size for factor in factors], rel=1e-4)
    assert float(of.counted()) == pytest.approx(sum(factors), rel=1e-4)
    assert not found.requires_grad


@given(gaps, powers, st.integers(0, 12))
def test_cut_in_two_they_are_the_same(values: list[float], power: float, cut: int) -> None:
    whole, parts = made(power, 4.0, 1.3, 0.9), made(power, 4.0, 1.3, 0.9)
    every = torch.tensor(values)
    pieces = [parts.weights(every[:cut]), parts.weights(every[cut:])]
    torch.testing.assert_close(whole.weights(every), torch.cat(pieces), rtol=1e-6, atol=0)
    assert float(whole.counted()) == pytest.approx(float(parts.counted()), rel=1e-6)


@given(st.lists(st.floats(0.01, 20), min_size=2, max_size=12), powers)
def test_the_mean_weight_of_steps_that_are_alike_is_one(values: list[float], power: float) -> None:
    of, every = made(power, 4.0), torch.tensor(values)
    assert torch.equal(of.weights(every), torch.ones(len(values)))
    for _ in range(3):
        of.begin()
        found = of.weights(every)
        of.follow(float(every.double().mean()), float(of.counted()) / len(values))
    assert float(found.double().mean()) == pytest.approx(1.0, rel=1e-4)


@given(st.lists(st.tuples(st.floats(0.01, 20), st.floats(0.3, 3)), min_size=1, max_size=6))
def test_the_means_run_over_the_steps_and_the_factors_begin_with_the_second(steps: list[tuple[float, float]]) -> None:
    of = made(1.0, 4.0)
    (mean, _), *later = steps
    size = later[0][1] if later else None
    for gap, factor in steps:
        of.follow(gap, factor)
    for gap, _ in later:
        mean = 0.9 * mean + 0.1 * gap
    for _, factor in later[1:]:
        assert size is not None
        size = 0.9 * size + 0.1 * factor
    assert of.mean == pytest.approx(mean)
    assert of.size == (None if size is None else pytest.approx(size))


def test_what_is_no_number_shows_and_what_is_infinite_is_bounded() -> None:
    found = made(1.0, 4.0, 1.0).weights(torch.tensor([math.nan, math.inf, 0.0, -1e-9]))
    assert math.isnan(found[0])
    assert found[1:].tolist() == [4.0, 0.25, 0.25]
    of = made(1.0, 4.0)
    for useless in (math.nan, math.inf, 0.0):
        of.follow(useless, 1.0)
        of.follow(1.0, useless)
    assert of.state() == {}


def test_a_checkpoint_has_all_of_it() -> None:
    of, other = made(0.5, 4.0, 1 / 3, 0.1), made(0.5, 4.0)
    other.recall(of.state())
    assert other == of
    other.recall({})
    assert other == made(0.5, 4.0)


@pytest.mark.parametrize("power", [1.0, -0.5])
def test_they_weigh_the_gradient_and_leave_the_value(power: float) -> None:
    torch.manual_seed(0)
    vocab = tiny.pair(320, 320).vocab
    size, at = vocab.student_size, torch.arange(6)
    states = torch.randn(6, 8).mul_(0.7).requires_grad_()
    head, theirs = Head(torch.randn(size, 8)), Live(2 * torch.randn(6, 8), Head(torch.randn(size, 8)), vocab)
    of = made(power, 3.0, 3.0, 0.8)
    kd = vocabulary_pass(states, head, None, Compared(theirs, at, size, row_weight=of.weights)).kd
    (slope,) = torch.autograd.grad(kd, states)

    leaf = states.detach().double().requires_grad_()
    log_q = torch.log_softmax(leaf @ head.weight.double().T, dim=-1)
    log_p = torch.log_softmax(theirs.hidden.double() @ theirs.head.weight.double().T, dim=-1)
    each = (log_p.exp() * (log_p - log_q)).sum(dim=-1)
    weights = torch.tensor([reference(gap, power, 3.0, 3.0) / 0.8 for gap in each.tolist()])
    (expected,) = torch.autograd.grad((weights * each).sum(), leaf)
    assert float(kd.detach()) == pytest.approx(float(each.detach().sum()), rel=1e-5)
    torch.testing.assert_close(slope.double(), expected, rtol=1e-4, atol=1e-5)
    assert len({round(float(w), 3) for w in weights}) > 2
