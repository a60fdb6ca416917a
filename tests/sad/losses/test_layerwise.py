"""Distance of normalised states: what it is worth, and what its size may not depend on."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses.layerwise import Normalisation, layer_distance, normalise


def states(rows: int, width: int, seed: int) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


EVERY: tuple[Normalisation, ...] = ("layernorm", "relative", "cosine")
LARGEST = {"layernorm": 4.0, "relative": 10.0, "cosine": 2.0}
"""What a boundary of states of one size costs at the most; relative has no bound, but for the student's size."""


def reference(student: Tensor, teacher: Tensor, normalisation: Normalisation = "layernorm") -> Tensor:
    def standard(x: Tensor) -> Tensor:
        centred = x.double() - x.double().mean(-1, keepdim=True)
        return centred / centred.square().mean(-1, keepdim=True).sqrt()

    student, teacher = student.double(), teacher.double()
    if normalisation == "relative":
        return (student - teacher / teacher.square().mean(-1, keepdim=True).sqrt()).square().mean(-1).sum()
    if normalisation == "cosine":
        return (1 - (student * teacher).sum(-1) / (student.norm(dim=-1) * teacher.norm(dim=-1))).sum()
    return (standard(student) - standard(teacher)).square().mean(-1).sum()


def ours(student: Tensor, teacher: Tensor, normalisation: Normalisation = "layernorm") -> tuple[Tensor, Tensor, int]:
    leaf = student.clone().requires_grad_()
    found = layer_distance(leaf, teacher, normalisation)
    (gradient,) = torch.autograd.grad(found.total, leaf)
    return found.total.detach(), gradient, found.units


@given(st.integers(1, 8), st.integers(3, 64), st.sampled_from([1e-2, 1.0, 300.0]), st.sampled_from(EVERY))
def test_value_and_gradient_match_the_definition(rows: int, width: int, size: float, how: Normalisation) -> None:
    student, teacher = (size * states(rows, width, 1)).float(), states(rows, width, 2).float()
    leaf = student.double().requires_grad_()
    expected = reference(leaf, teacher, how)
    (slope,) = torch.autograd.grad(expected, leaf)
    value, gradient, units = ours(student, teacher, how)
    assert units == rows
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected.detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient.double() * size, slope * size, rtol=1e-2, atol=1e-3)


@given(st.floats(1e-3, 1e4), st.floats(-10, 10))
def test_scale_and_shift_of_either_side_change_nothing(scale: float, shift: float) -> None:
    student, teacher = states(6, 32, 3).float(), states(6, 32, 4).float()
    value, _, _ = ours(student, teacher)
    scaled, _, _ = ours(scale * student, scale * (teacher + shift))
    torch.testing.assert_close(scaled, value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 34, 384])
def test_per_boundary_it_does_not_depend_on_the_length(rows: int) -> None:
    found = layer_distance(states(rows, 64, 5).float(), states(rows, 64, 6).float())
    assert float(found.total) / found.units == pytest.approx(2.0, abs=0.35)


def test_it_is_two_minus_twice_the_correlation() -> None:
    student, teacher = states(1, 200, 7).float(), states(1, 200, 8).float()
    r = float(torch.corrcoef(torch.cat([student, teacher]))[0, 1])
    assert float(ours(student, teacher)[0]) == pytest.approx(2 - 2 * r, abs=1e-5)
    assert float(ours(student, student)[0]) == 0.0
    assert float(ours(student, -student)[0]) == pytest.approx(4.0, abs=1e-5)


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_massive_activation_does_not_own_the_loss(dtype: torch.dtype, how: Normalisation) -> None:
    student, teacher = states(40, 96, 9).to(dtype), states(40, 96, 10).to(dtype)
    plain, plain_gradient, _ = ours(student, teacher, how)
    # as the first position has one in real models
    teacher[0, 5] = 25_000.0
    raw = (student.float() - teacher.float()).square().mean(-1)
    value, gradient, _ = ours(student, teacher, how)
    assert float(raw[0] / raw.sum()) > 0.99
    assert float(value) < LARGEST[how] * 40
    alone, _, _ = ours(student[:1], teacher[:1], how)
    assert float(alone / value) < 0.05
    # nor does it silence the others: what they cost, and their gradient, is what it was
    first, _, _ = ours(states(40, 96, 9).to(dtype)[:1], states(40, 96, 10).to(dtype)[:1], how)
    torch.testing.assert_close(value - alone, plain - first, rtol=1e-4, atol=1e-3)
    assert torch.equal(gradient[1:], plain_gradient[1:])
    assert bool(gradient.isfinite().all())
    assert float(gradient[0].float().norm()) < 3 * float(plain_gradient[1:].float().norm(dim=-1).max())


@pytest.mark.parametrize("how", EVERY)
def test_the_sum_does_not_depend_on_how_a_batch_is_cut(how: Normalisation) -> None:
    student, teacher = states(12, 24, 17).float(), (50 * states(12, 24, 18)).float()
    whole, gradient, _ = ours(student, teacher, how)
    parts = [ours(student[i : i + 5], teacher[i : i + 5], how) for i in range(0, 12, 5)]
    torch.testing.assert_close(whole, torch.stack([value for value, _, _ in parts]).sum(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, torch.cat([slope for _, slope, _ in parts]))


@pytest.mark.parametrize("size", [1e-4, 1.0, 25_000.0])
def test_relative_counts_the_students_size_and_not_the_teachers(size: float) -> None:
    teacher = (3 * states(7, 20, 19) + 1).float()
    one = teacher / teacher.square().mean(-1, keepdim=True).sqrt()
    assert float(ours(torch.zeros_like(teacher), size * teacher, "relative")[0]) == pytest.approx(7.0, rel=1e-5)
    assert float(ours(3 * one, size * teacher, "relative")[0]) == pytest.approx(28.0, rel=1e-5)
    assert float(ours(one, size * teacher, "relative")[0]) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("how", EVERY)
def test_a_tiny_state_of_the_teacher_does_not_own_the_loss(how: Normalisation) -> None:
    student, teacher = states(40, 96, 26).float(), states(40, 96, 27).float()
    teacher[3] *= 1e-4
    alone, _, _ = ours(student[3:4], teacher[3:4], how)
    assert float(alone / ours(student, teacher, how)[0]) < 0.05


def test_cosine_knows_the_direction_only_and_is_exact_near_zero() -> None:
    student, teacher = states(7, 20, 20).float(), states(7, 20, 21).float()
    value, _, _ = ours(student, teacher, "cosine")
    torch.testing.assert_close(ours(1e3 * student, 1e-3 * teacher, "cosine")[0], value)
    near = teacher + 1e-4 * student
    assert float(ours(near, teacher, "cosine")[0]) == pytest.approx(float(reference(near, teacher, "cosine")), rel=2e-3)


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("size", [0.0, 1e-38])
def test_a_state_of_nothing_on_either_side_keeps_all_finite(how: Normalisation, size: float) -> None:
    student, teacher = states(3, 16, 22).float(), states(3, 16, 23).float()
    for spoilt in (student, teacher):
        kept = spoilt[1].clone()
        spoilt[1] = size
        value, gradient, _ = ours(student, teacher, how)
        assert float(value) < 60.0
        assert bool(gradient.isfinite().all())
        spoilt[1] = kept


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("side", [0, 1])
def test_a_nan_stays_one(how: Normalisation, side: int) -> None:
    sides = [states(3, 16, 24).float(), states(3, 16, 25).float()]
    sides[side][1, 3] = math.nan
    assert math.isnan(float(layer_distance(sides[0], sides[1], how).total))


def test_a_massive_activation_in_the_student_keeps_the_gradient_finite() -> None:
    student, teacher = states(4, 96, 11).half(), states(4, 96, 12).half()
    student[2, 7] = 25_000.0
    value, gradient, _ = ours(student, teacher)
    assert float(value) < 16.0
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("constant", [0.0, 1e-38, 1e-3, 5.0, 25_000.0])
def test_a_constant_row_becomes_zero(constant: float) -> None:
    rows = torch.full((2, 16), constant)
    assert float(normalise(rows).abs().max()) < 1e-2
    value, gradient, _ = ours(rows, states(2, 16, 13).float())
    assert float(value) == pytest.approx(2.0, abs=0.05)
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("size", [1e-3, 1.0, 25_000.0])
def test_normalised_rows_have_mean_zero_and_variance_one(size: float) -> None:
    found = normalise(size * states(5, 128, 14).float())
    torch.testing.assert_close(found.mean(-1), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.square().mean(-1), torch.ones(5), atol=1e-4, rtol=0)


def test_no_boundary_sums_to_zero() -> None:
    value, gradient, units = ours(torch.empty(0, 8), torch.empty(0, 8))
    assert (float(value), units) == (0.0, 0)
    assert gradient.shape == (0, 8)


@pytest.mark.parametrize("how", EVERY)
def test_nothing_flows_to_the_teacher(how: Normalisation) -> None:
    student, teacher = states(3, 8, 15).float().requires_grad_(), states(3, 8, 16).float().requires_grad_()
    layer_distance(student, teacher, how).total.backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert math.isfinite(float(student.grad.norm()))
