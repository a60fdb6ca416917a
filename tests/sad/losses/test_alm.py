"""Chunk likelihood: value and gradient against float64, its limits, and likelihoods of 0 and 1."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses.alm import RESOLUTION, chunk_divergence, rows

TEMPERATURES = [1.0, 7.0, 100.0, 1000.0]


def likelihoods(chunks: int, nats: float, seed: int) -> Tensor:
    return -nats * torch.rand(chunks, generator=torch.Generator().manual_seed(seed)).double().square().float()


def reference(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Per chunk, by its definition."""
    p, q = torch.exp(teacher / temperature), torch.exp(student / temperature)
    entropy = -(p * p.log() + (1 - p) * (1 - p).log())
    crossed = -(p * q.log() + (1 - p) * (1 - q).log())
    return temperature * (crossed - entropy)


def ours(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor, int]:
    leaf = student.clone().requires_grad_()
    found = chunk_divergence(leaf, teacher, temperature)
    (gradient,) = torch.autograd.grad(found.total, leaf)
    return found.total.detach(), gradient, found.units


@given(st.integers(1, 30), st.sampled_from([0.1, 3.0, 40.0]), st.sampled_from(TEMPERATURES), st.integers(0, 99))
def test_value_and_gradient_match_the_definition(chunks: int, nats: float, temperature: float, seed: int) -> None:
    student, teacher = likelihoods(chunks, nats, seed), likelihoods(chunks, nats, seed + 100)
    leaf = (student.double() - RESOLUTION).requires_grad_()
    expected = reference(leaf, teacher.double() - RESOLUTION, temperature)
    (slope,) = torch.autograd.grad(expected.sum(), leaf)
    value, gradient, units = ours(student, teacher, temperature)
    each, _ = rows(student, teacher, temperature)
    assert units == chunks
    assert value.dtype == each.dtype == torch.float32
    # float32 knows a likelihood of so many nats no better
    torch.testing.assert_close(each.double(), expected.detach(), rtol=1e-4, atol=2e-6 * (1 + nats))
    torch.testing.assert_close(value, each.sum())
    torch.testing.assert_close(gradient.double(), slope, rtol=2e-4, atol=1e-6)


def test_the_resolution_changes_nothing_that_can_be_seen() -> None:
    student, teacher = likelihoods(50, 9.0, 1) - 0.05, likelihoods(50, 9.0, 2) - 0.05
    expected = reference(student.double(), teacher.double(), 100.0).sum()
    assert float(ours(student, teacher, 100.0)[0]) == pytest.approx(float(expected), rel=1e-4)


@given(st.lists(st.floats(-200, 0, width=32), min_size=1, max_size=20), st.sampled_from(TEMPERATURES))
def test_it_is_zero_at_equality_and_never_below(numbers: list[float], temperature: float) -> None:
    teacher = torch.tensor(numbers)
    value, gradient, _ = ours(teacher, teacher, temperature)
    assert float(value) == 0.0
    assert not gradient.any()
    values, slope = rows(teacher.flip(0), teacher, temperature)
    assert bool((values >= 0).all())
    assert bool((slope * (teacher.flip(0) - teacher) >= 0).all())


@pytest.mark.parametrize("nats", [0.5, 3.0, 12.0])
def test_its_size_hardly_depends_on_a_high_temperature(nats: float) -> None:
    student, teacher = torch.tensor([-2.0 * nats]), torch.tensor([-nats])
    limit = nats * math.log(0.5) - nats + 2 * nats
    (value, gradient, _), (hot, hot_gradient, _) = (ours(student, teacher, t) for t in (1e3, 1e4))
    assert float(value) == pytest.approx(limit, rel=0.02)
    assert float(hot) == pytest.approx(limit, rel=0.005)
    # the derivative by the log-likelihood tends to teacher / student - 1
    assert float(gradient) == pytest.approx(-0.5, rel=0.02)
    assert float(hot_gradient) == pytest.approx(-0.5, rel=0.005)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_likelihoods_of_zero_and_one_give_no_nan(temperature: float) -> None:
    edges = torch.tensor([0.0, -1e-38, -1e-9, -1e-6, -1.0, -80.0, -1e4, -3e38, -math.inf, 1e-7])
    student, teacher = (side.flatten() for side in torch.meshgrid(edges, edges, indexing="ij"))
    values, gradient = rows(student, teacher, temperature)
    assert not values.isnan().any()
    assert bool(gradient.isfinite().all())
    infinite = values.isinf()
    assert bool((student[infinite] < -1e30).all())
    assert not infinite[(teacher == -math.inf) & (student == -math.inf)].any()
    assert not infinite[(teacher == -math.inf) & (student > -1e30)].any()
    assert bool(infinite[(student == -math.inf) & (teacher > -1.5)].all())
    plain = student > -1e5
    total, slope, _ = ours(student[plain], teacher[plain], temperature)
    assert math.isfinite(float(total))
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("side", [0, 1])
def test_a_nan_stays_one(side: int) -> None:
    sides = [torch.tensor([-1.0, -2.0, -math.inf]) for _ in range(2)]
    for place in range(3):
        spoilt = [of.clone() for of in sides]
        spoilt[side][place] = math.nan
        values, gradient = rows(spoilt[0], spoilt[1], 100.0)
        assert values.isnan().tolist() == gradient.isnan().tolist() == [i == place for i in range(3)]


def test_near_equality_the_gradient_keeps_its_precision() -> None:
    teacher = torch.full((64,), -5.0)
    student = teacher + 1e-3 * torch.linspace(-1, 1, 64)
    leaf = student.double().requires_grad_()
    (slope,) = torch.autograd.grad(reference(leaf, teacher.double(), 100.0).sum(), leaf)
    _, gradient, _ = ours(student, teacher, 100.0)
    assert float((gradient.double() - slope).norm() / slope.norm()) < 2e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    student, teacher = likelihoods(9, 4.0, 5).to(dtype), likelihoods(9, 4.0, 6).to(dtype)
    value, gradient, _ = ours(student, teacher, 100.0)
    expected = reference(student.double() - RESOLUTION, teacher.double() - RESOLUTION, 100.0).sum()
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    assert float(value) == pytest.approx(float(expected), rel=1e-4)


def test_no_chunk_sums_to_zero_and_nothing_flows_to_the_teacher() -> None:
    value, gradient, units = ours(torch.empty(0), torch.empty(0), 100.0)
    assert (float(value), units, gradient.shape) == (0.0, 0, (0,))
    student, teacher = likelihoods(3, 4.0, 7).requires_grad_(), likelihoods(3, 4.0, 8).requires_grad_()
    chunk_divergence(student, teacher).total.backward()
    assert teacher.grad is None
    assert student.grad is not None
