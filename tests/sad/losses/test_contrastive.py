"""InfoNCE: value and gradient against float64, what the right place is worth, nothing for the teacher."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses.contrastive import Negatives, info_nce


def states(rows: int, width: int, seed: int) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_text(of: Tensor) -> Tensor:
    return torch.zeros(len(of), dtype=torch.int64)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_a_text_costs_the_same_in_any_company(lengths: list[int]) -> None:
    student, teacher = states(sum(lengths), 8, 20).float(), states(sum(lengths), 8, 21).float()
    text = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    leaf = student.clone().requires_grad_()
    together = info_nce(leaf, teacher, text, 0.1)
    (slope,) = torch.autograd.grad(together.total, leaf)
    alone = [ours(s, t) for s, t in zip(student.split(lengths), teacher.split(lengths), strict=True)]
    torch.testing.assert_close(together.total.detach(), torch.stack([value for value, _, _ in alone]).sum())
    torch.testing.assert_close(slope, torch.cat([gradient for _, gradient, _ in alone]))
    assert together.units == sum(lengths)


def reference(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    unit_s = student / student.norm(dim=-1, keepdim=True)
    unit_t = teacher / teacher.norm(dim=-1, keepdim=True)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(student)):
        near = unit_t @ unit_s[i] / temperature
        total = total + torch.logsumexp(near, 0) - near[i]
    return total


def ours(student: Tensor, teacher: Tensor, temperature: float = 0.1) -> tuple[Tensor, Tensor, int]:
    leaf = student.clone().requires_grad_()
    found = info_nce(leaf, teacher, one_text(leaf), temperature)
    (gradient,) = torch.autograd.grad(found.total, leaf)
    return found.total.detach(), gradient, found.units


@given(st.integers(1, 10), st.integers(2, 32), st.sampled_from([0.05, 0.1, 1.0]))
def test_value_and_gradient_match_the_definition(rows: int, width: int, temperature: float) -> None:
    student, teacher = states(rows, width, 1), states(rows, width, 2)
    leaf = student.float().double().requires_grad_()
    expected = reference(leaf, teacher.float().double(), temperature)
    (slope,) = torch.autograd.grad(expected, leaf)
    value, gradient, units = ours(student.float(), teacher.float(), temperature)
    assert units == rows
    torch.testing.assert_close(value.double(), expected.detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    student, teacher = states(8, 16, 3).to(dtype), states(8, 16, 4).to(dtype)
    value, gradient, _ = ours(student, teacher)
    expected = reference(student.double(), teacher.double(), 0.1)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=1e-4)


def test_unrelated_states_give_the_logarithm_of_their_number() -> None:
    student = states(64, 512, 5).float()
    found = info_nce(student, states(64, 512, 6).float(), one_text(student), 1.0)
    assert float(found.total) / found.units == pytest.approx(math.log(64), abs=0.05)


def test_the_right_place_costs_little_and_the_wrong_one_much() -> None:
    same = states(12, 64, 7).float()
    right, _, _ = ours(same, same)
    wrong, _, _ = ours(same.roll(1, 0), same)
    assert float(right) / 12 < 0.1
    assert float(wrong) / 12 > 5


def test_sizes_do_not_matter() -> None:
    student, teacher = states(6, 16, 8).float(), states(6, 16, 9).float()
    torch.testing.assert_close(ours(student, teacher)[0], ours(100 * student, 0.01 * teacher)[0])


def test_negatives_of_the_text_do_not_know_the_micro_batch_and_those_of_the_batch_do() -> None:
    student, teacher = states(9, 16, 14).float(), states(9, 16, 15).float()
    text = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2])
    of: tuple[Negatives, ...] = ("text", "batch")
    for negatives in of:
        whole = info_nce(student, teacher, text, 0.5, negatives).total
        parts = [
            info_nce(student[text == t], teacher[text == t], text[text == t], 0.5, negatives).total for t in (0, 1, 2)
        ]
        if negatives == "text":
            torch.testing.assert_close(whole, torch.stack(parts).sum())
        else:
            assert float(whole) > float(torch.stack(parts).sum()) + 1.0
            assert float(whole) == pytest.approx(float(reference(student.double(), teacher.double(), 0.5)), rel=1e-4)


def test_no_boundary_sums_to_zero() -> None:
    value, gradient, units = ours(torch.empty(0, 8), torch.empty(0, 8))
    assert (float(value), units) == (0.0, 0)
    assert gradient.shape == (0, 8)


def test_a_zero_state_keeps_the_gradient_finite() -> None:
    student = states(4, 8, 10).float()
    student[1] = 0.0
    value, gradient, _ = ours(student, states(4, 8, 11).float())
    assert math.isfinite(float(value))
    assert bool(gradient.isfinite().all())


def test_nothing_flows_to_the_teacher() -> None:
    student, teacher = states(3, 8, 12).float().requires_grad_(), states(3, 8, 13).float().requires_grad_()
    info_nce(student, teacher, one_text(student), 0.1).total.backward()
    assert teacher.grad is None
    assert student.grad is not None
