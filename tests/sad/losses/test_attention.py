"""Relations and maps of attention: value and gradient against float64, and what they may not depend on."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses import attention
from sad.losses.attention import FLOOR, map_divergence, relation_divergence


def states(rows: int, width: int, seed: int) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def texts(lengths: list[int]) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))


def reference(student: Tensor, teacher: Tensor, heads: int) -> Tensor:
    """Of one text, one row at a time."""

    def row(of: Tensor, head: int, place: int) -> Tensor:
        part = of.reshape(len(of), heads, -1)[: place + 1, head]
        return torch.softmax(part @ part[place] / math.sqrt(part.shape[1]), 0)

    total = torch.zeros((), dtype=torch.float64)
    for place in range(len(student)):
        for head in range(heads):
            p, q = row(teacher, head, place), row(student, head, place)
            total = total + (p * (p.log() - q.log())).sum() / heads
    return total


def ours(
    student: Tensor, teacher: Tensor, text: Tensor, heads: int, longest: int | None = None
) -> tuple[Tensor, Tensor]:
    leaf = student.clone().requires_grad_()
    longest = int(text.bincount().max()) if longest is None and len(text) else longest or 0
    found = relation_divergence(leaf, teacher, text, heads, longest)
    (gradient,) = torch.autograd.grad(found.total, leaf)
    assert found.units == len(text)
    assert found.total.dtype == torch.float32
    return found.total.detach(), gradient


@pytest.fixture(params=[3, 256])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(attention, "ROWS", request.param)
    return int(request.param)


@pytest.mark.parametrize("lengths", [[1], [7], [3, 1, 5], [1, 9, 2, 2]])
@pytest.mark.parametrize(("heads", "width", "teacher_width"), [(1, 4, 4), (2, 6, 12), (4, 16, 8)])
def test_value_and_gradient_match_the_definition(
    rows: int, lengths: list[int], heads: int, width: int, teacher_width: int
) -> None:
    student = states(sum(lengths), width, 1 + rows).float()
    teacher = states(sum(lengths), teacher_width, 2 + rows).float()
    leaf = student.double().requires_grad_()
    cut = zip(leaf.split(lengths), teacher.double().split(lengths), strict=True)
    expected = torch.stack([reference(s, t, heads) for s, t in cut]).sum()
    (slope,) = torch.autograd.grad(expected, leaf)
    for longest in (None, max(lengths), sum(lengths) + 5):
        value, gradient = ours(student, teacher, texts(lengths), heads, longest)
        torch.testing.assert_close(value.double(), expected.detach(), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-5)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_a_text_costs_the_same_in_any_company(lengths: list[int]) -> None:
    student, teacher = states(sum(lengths), 8, 20).float(), states(sum(lengths), 4, 21).float()
    value, gradient = ours(student, teacher, texts(lengths), 2)
    cut = zip(student.split(lengths), teacher.split(lengths), strict=True)
    alone = [ours(s, t, texts([len(s)]), 2) for s, t in cut]
    torch.testing.assert_close(value, torch.stack([v for v, _ in alone]).sum(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, torch.cat([g for _, g in alone]), rtol=1e-4, atol=1e-6)


def test_what_comes_later_in_a_text_changes_no_row_before_it() -> None:
    student, teacher = states(9, 8, 3).float(), states(9, 8, 4).float()
    whole, _ = ours(student, teacher, texts([9]), 2)
    before, _ = ours(student[:5], teacher[:5], texts([5]), 2)
    loud = torch.cat([student[:5], 50 * student[5:]])
    louder, _ = ours(loud, teacher, texts([9]), 2)
    rest = float(louder) - float(before)
    assert float(before) > 0
    assert rest > float(whole) - float(before)
    first, _ = ours(loud[:5], teacher[:5], texts([5]), 2)
    assert torch.equal(first, before)


def test_equal_states_cost_nothing_and_so_do_turned_ones() -> None:
    teacher = states(12, 8, 5)
    turn, _ = torch.linalg.qr(states(8, 8, 6))
    for student in (teacher, teacher @ turn):
        value, gradient = ours(student.float(), teacher.float(), texts([12]), 1)
        assert float(value) == pytest.approx(0.0, abs=1e-4)
        assert float(gradient.norm()) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_massive_activation_does_not_own_the_loss(dtype: torch.dtype) -> None:
    student, teacher = states(40, 96, 9).to(dtype), states(40, 96, 10).to(dtype)
    teacher[0, 5] = 25_000.0
    value, gradient = ours(student, teacher, texts([40]), 4)
    # the row itself looks at nothing but itself, and every other one at it, or not at all
    assert float(value) < 40 * 20.0
    each = [float(ours(student[: n + 1], teacher[: n + 1], texts([n + 1]), 4)[0]) for n in range(40)]
    rows = [after - before for before, after in zip([0.0, *each], each, strict=False)]
    assert max(rows) < 0.2 * sum(rows)
    assert each[0] == pytest.approx(0.0, abs=1e-6)
    assert bool(gradient.isfinite().all())


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="3 relation heads do not divide widths of 6 and 8"):
        relation_divergence(states(4, 6, 1), states(4, 8, 2), texts([4]), 3, 4)


def test_a_nan_stays_one_and_no_boundary_sums_to_zero() -> None:
    for side in (0, 1):
        sides = [states(5, 8, 7).float(), states(5, 8, 8).float()]
        sides[side][2, 1] = math.nan
        assert math.isnan(float(relation_divergence(sides[0], sides[1], texts([5]), 2, 5).total))
    value, gradient = ours(torch.empty(0, 8), torch.empty(0, 4), torch.empty(0, dtype=torch.int64), 2)
    assert (float(value), gradient.shape) == (0.0, (0, 8))


def maps(sharpness: float, seed: int, lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Rows of attention [boundary, column], and what they may look at."""
    place = torch.cat([torch.arange(n) for n in lengths])
    visible = torch.arange(max(lengths))[None] <= place[:, None]
    logits = sharpness * states(len(place), max(lengths), seed)
    return torch.softmax(logits.masked_fill(~visible, -torch.inf), -1), visible


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.sampled_from([0.3, 2.0, 40.0]))
def test_a_map_costs_what_the_definition_says(lengths: list[int], sharpness: float) -> None:
    (student, visible), (teacher, _) = maps(sharpness, 11, lengths), maps(sharpness, 12, lengths)

    def raised(of: Tensor, row: int) -> Tensor:
        seen = of[row, : int(visible[row].sum())].double() + FLOOR
        return seen / seen.sum()

    leaf = student.float().double().requires_grad_()
    expected = torch.zeros((), dtype=torch.float64)
    for row in range(len(leaf)):
        p, q = raised(teacher.float(), row), raised(leaf, row)
        expected = expected + (p * (p / q).log()).sum()
    (slope,) = torch.autograd.grad(expected, leaf)
    mine = student.float().requires_grad_()
    found = map_divergence(mine, teacher.float(), visible)
    (gradient,) = torch.autograd.grad(found.total, mine)
    assert found.units == sum(lengths)
    torch.testing.assert_close(found.total.double(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-3, atol=1e-4)


def test_a_map_that_is_zero_where_the_teacher_looks_stays_finite() -> None:
    visible = torch.ones(1, 3, dtype=torch.bool)
    student = torch.tensor([[0.0, 0.0, 1.0]], requires_grad=True)
    found = map_divergence(student, torch.tensor([[0.5, 0.5, 0.0]]), visible)
    found.total.backward()
    assert 10 < float(found.total.detach()) < -math.log(FLOOR)
    assert bool(student.grad.isfinite().all())


def test_nothing_flows_to_the_teacher() -> None:
    student, teacher = states(5, 8, 15).float().requires_grad_(), states(5, 8, 16).float().requires_grad_()
    relation_divergence(student, teacher, texts([5]), 2, 5).total.backward()
    assert teacher.grad is None
    assert student.grad is not None
    (mine, visible), (theirs, _) = maps(1.0, 17, [5]), maps(1.0, 18, [5])
    map_divergence(mine.requires_grad_(), theirs.requires_grad_(), visible).total.backward()
    assert theirs.grad is None
    assert mine.grad is not None
