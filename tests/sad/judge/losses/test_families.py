"""The known divergences, against plain sums; each is least where both are equal, the wrong ones are told as such."""

from __future__ import annotations

import pytest
import torch

from sad.judge.losses.families import EXCHANGED, GENERAL, RIGHT, WRONG, forward_kl, jsd, reverse_kl

STUDENT, TEACHER = torch.randn(2, 2, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_kl_is_the_sum_in_the_books():
    p, q = TEACHER.softmax(-1), STUDENT.softmax(-1)
    assert torch.allclose(forward_kl(STUDENT, TEACHER), (p * (p / q).log()).sum(-1))
    assert torch.allclose(reverse_kl(STUDENT, TEACHER), (q * (q / p).log()).sum(-1))
    m = 0.3 * p + 0.7 * q
    right = 0.3 * (p * (p / m).log()).sum(-1) + 0.7 * (q * (q / m).log()).sum(-1)
    assert torch.allclose(jsd(STUDENT, TEACHER, 0.3), right)
    assert torch.allclose(EXCHANGED.formula(STUDENT, TEACHER, 0.7), GENERAL.formula(STUDENT, TEACHER, 0.3))


@pytest.mark.parametrize("family", RIGHT, ids=lambda family: family.name)
def test_a_right_one_is_zero_and_flat_where_both_are_equal(family):
    student = TEACHER.clone().requires_grad_()
    rows = family.formula(student, TEACHER, 0.3)
    rows.sum().backward()
    assert rows.abs().max() < 1e-12
    assert student.grad.abs().max() < 1e-12
    assert (family.formula(STUDENT, TEACHER, 0.3) > 0).all()


def test_a_wrong_one_says_what_is_wrong():
    assert all(family.fault for family in WRONG)
    assert not any(family.fault for family in RIGHT)
    assert len({family.name for family in (*RIGHT, *WRONG)}) == len(RIGHT) + len(WRONG)


@pytest.mark.parametrize("family", [f for f in RIGHT if f.beta], ids=lambda family: family.name)
def test_a_token_that_both_rule_out_leaves_no_nan(family):
    student, teacher = (x.clone() for x in (STUDENT, TEACHER))
    student[..., 0] = teacher[..., 0] = -torch.inf
    student.requires_grad_()
    rows = family.formula(student, teacher, 0.3)
    rows.sum().backward()
    without = STUDENT[..., 1:].clone().requires_grad_()
    right = family.formula(without, TEACHER[..., 1:], 0.3)
    right.sum().backward()
    assert torch.allclose(rows, right)
    assert torch.allclose(student.grad[..., 1:], without.grad)
    assert not student.grad[..., 0].any()
