"""Forward KL: value and gradient against float64, what temperature may change, and what must stay finite."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses.kd import forward_kl


def logits(rows: int, vocab: int, seed: int, sharpness: float = 3.0) -> Tensor:
    return torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * sharpness


def reference(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Value by the definition, a plain double loop over the vocabulary; gradient by the closed form, times T²."""
    q = torch.softmax(student.double() / temperature, -1)
    p = torch.softmax(teacher.double() / temperature, -1)
    value = sum(
        float(p_i) * (math.log(float(p_i)) - math.log(float(q_i)))
        for p_row, q_row in zip(p, q, strict=True)
        for p_i, q_i in zip(p_row, q_row, strict=True)
        if p_i > 0
    )
    return torch.tensor(value, dtype=torch.float64), (q - p) / temperature * temperature**2


def ours(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor, int]:
    leaf = student.clone().requires_grad_()
    found = forward_kl(leaf, torch.log_softmax(teacher.float() / temperature, -1), temperature)
    (gradient,) = torch.autograd.grad(found.total, leaf)
    return found.total.detach(), gradient, found.units


@given(st.integers(1, 6), st.integers(2, 24), st.sampled_from([0.5, 1.0, 2.0, 4.0]), st.sampled_from([0.1, 3.0, 12.0]))
def test_value_and_gradient_match_the_definition(rows: int, vocab: int, temperature: float, sharpness: float) -> None:
    student, teacher = logits(rows, vocab, 1, sharpness).float(), logits(rows, vocab, 2, sharpness).float()
    value, gradient, units = ours(student, teacher, temperature)
    expected, slope = reference(student, teacher, temperature)
    assert units == rows
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5 * rows)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-6 * temperature)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    student, teacher = logits(5, 50, 3).to(dtype), logits(5, 50, 4).to(dtype)
    value, gradient, _ = ours(student, teacher)
    expected, slope = reference(student, teacher, 1.0)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), slope, rtol=torch.finfo(dtype).eps, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 3.0])
def test_temperature_squared_is_on_the_gradient_and_not_on_the_value(temperature: float) -> None:
    student, teacher = logits(4, 30, 5).float(), logits(4, 30, 6).float()
    leaf = student.clone().requires_grad_()
    plain = torch.nn.functional.kl_div(
        torch.log_softmax(leaf / temperature, -1),
        torch.log_softmax(teacher / temperature, -1),
        log_target=True,
        reduction="sum",
    )
    (slope,) = torch.autograd.grad(plain, leaf)
    value, gradient, _ = ours(student, teacher, temperature)
    torch.testing.assert_close(value, plain.detach())
    torch.testing.assert_close(gradient, slope * temperature**2)


def test_temperature_keeps_the_size_of_the_gradient() -> None:
    student, teacher = logits(16, 64, 7, 0.5).float(), logits(16, 64, 8, 0.5).float()
    sizes = [float(ours(student, teacher, t)[1].norm()) for t in (1.0, 2.0, 4.0, 8.0)]
    assert max(sizes) / min(sizes) < 1.5


@given(st.integers(1, 4), st.integers(2, 40), st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([1.0, 20.0]))
def test_zero_and_stationary_where_both_are_equal(rows: int, vocab: int, temperature: float, sharpness: float) -> None:
    same = logits(rows, vocab, 9, sharpness).float()
    value, gradient, _ = ours(same, same, temperature)
    assert float(value) == 0.0
    assert float(gradient.abs().max()) < 1e-6


@given(st.integers(2, 40), st.sampled_from([0.3, 3.0, 30.0]))
def test_never_negative(vocab: int, sharpness: float) -> None:
    value, _, _ = ours(logits(8, vocab, 10, sharpness).float(), logits(8, vocab, 11, sharpness).float())
    assert float(value) > -1e-6


def test_gradient_is_exact_near_convergence() -> None:
    teacher = logits(64, 2000, 12)
    student = teacher + 0.045 * logits(64, 2000, 13, 1.0)
    expected, slope = reference(student, teacher, 1.0)
    assert 5e-4 < float(expected) / 64 < 2e-3
    value, gradient, _ = ours(student.float(), teacher.float())
    assert float((gradient.double() - slope).norm() / slope.norm()) < 1e-4
    assert abs(float(value) / float(expected) - 1) < 1e-3


def test_masked_tokens_on_both_sides_change_nothing() -> None:
    student, teacher = logits(3, 10, 14).float(), logits(3, 10, 15).float()
    masked = torch.full((3, 4), -math.inf)
    value, gradient, _ = ours(student, teacher)
    wider, wider_gradient, _ = ours(torch.cat([student, masked], 1), torch.cat([teacher, masked], 1))
    assert torch.equal(value, wider)
    assert torch.equal(gradient, wider_gradient[:, :10])
    assert torch.equal(wider_gradient[:, 10:], torch.zeros(3, 4))


def test_a_teacher_that_rules_a_token_out_leaves_the_rest_to_the_student() -> None:
    student, teacher = logits(3, 10, 16).float(), logits(3, 10, 17).float()
    teacher[:, 4] = -math.inf
    value, gradient, _ = ours(student, teacher)
    q, p = torch.softmax(student, -1), torch.softmax(teacher, -1)
    assert math.isfinite(float(value))
    torch.testing.assert_close(gradient, q - p)


def test_a_token_ruled_out_by_the_student_alone_is_infinitely_far() -> None:
    student, teacher = logits(2, 6, 18).float(), logits(2, 6, 19).float()
    student[0, 2] = -math.inf
    for temperature in (1.0, 2.0):
        found = forward_kl(student, torch.log_softmax(teacher / temperature, -1), temperature)
        assert float(found.total) == math.inf


def test_no_boundary_sums_to_zero() -> None:
    student = torch.empty(0, 7, requires_grad=True)
    found = forward_kl(student, torch.empty(0, 7), 2.0)
    found.total.backward()
    assert (float(found.total.detach()), found.units) == (0.0, 0)
    assert student.grad is not None


def test_nothing_flows_to_the_teacher() -> None:
    student = logits(3, 8, 20).float().requires_grad_()
    teacher = torch.log_softmax(logits(3, 8, 21).float(), -1).requires_grad_()
    forward_kl(student, teacher).total.backward()
    assert teacher.grad is None
    assert student.grad is not None
