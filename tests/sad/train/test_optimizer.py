"""Who is trained at which rate, and the rate of each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.distiller import Distiller
from sad.recipe.schema import Train
from sad.train.optimizer import check_moment, make_optimizer, rate_factor, set_learning_rate

RECIPE = Train(learning_rate=0.01, projector_learning_rate=0.1, weight_decay=0.3, warmup=0.2, final_learning_rate=0.1)


def distiller(**of_student: Any) -> Distiller:
    pair = tiny.pair()
    student = tiny.model(320, layers=2, width=16, seed=2, **of_student) if of_student else pair.student
    return Distiller(student, pair.teacher, pair.vocab, tiny.recipe().terms)


def group_of(optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> dict[str, Any]:
    (found,) = [g for g in optimizer.param_groups if any(parameter is p for p in g["params"])]
    return found


@pytest.mark.parametrize("tied", [True, False])
def test_every_weight_once_and_nothing_of_the_teacher(tied: bool) -> None:
    of = distiller(tie_word_embeddings=tied)
    owned = [id(p) for group in make_optimizer(of, RECIPE).param_groups for p in group["params"]]
    assert sorted(owned) == sorted(id(p) for p in of.parameters())
    assert not set(owned) & {id(p) for p in of.teacher.parameters()}


def test_matrices_decay_vectors_do_not_projectors_have_their_own_rate() -> None:
    of = distiller()
    optimizer = make_optimizer(of, RECIPE)
    for parameter in of.student.parameters():
        group = group_of(optimizer, parameter)
        assert group["weight_decay"] == (0.3 if parameter.ndim >= 2 else 0.0)
        assert group["lr"] == 0.01
    (projector,) = of.projectors.parameters()
    assert (group_of(optimizer, projector)["lr"], group_of(optimizer, projector)["weight_decay"]) == (0.1, 0.0)


def test_what_is_frozen_is_left_alone() -> None:
    of = distiller()
    frozen = next(of.student.parameters()).requires_grad_(False)
    owned = [p for group in make_optimizer(of, RECIPE).param_groups for p in group["params"]]
    assert not any(p is frozen for p in owned)


def test_without_projectors_there_is_no_empty_group() -> None:
    pair = tiny.pair()
    terms = tiny.recipe({"terms": {"layerwise": {"weight": 0}}}).terms
    optimizer = make_optimizer(Distiller(pair.student, pair.teacher, pair.vocab, terms), RECIPE)
    assert all(group["params"] for group in optimizer.param_groups)
    assert len(optimizer.param_groups) == 2


totals = st.integers(1, 400)
warmups = st.floats(0, 0.9)
finals = st.floats(0, 1)


@given(totals, warmups, finals)
def test_the_rate_rises_then_falls_and_ends_where_it_should(total: int, warmup: float, final: float) -> None:
    rates = [rate_factor(step, total, warmup, final) for step in range(total)]
    rising = round(warmup * total)
    assert all(0 <= r <= 1 + 1e-12 for r in rates)
    assert rates[: rising + 1] == sorted(rates[: rising + 1])
    assert rates[rising:] == sorted(rates[rising:], reverse=True)
    if rising > 0:
        assert rates[0] == pytest.approx(1 / rising)
    if rising < total:
        assert rates[rising] == pytest.approx(1.0)
    if rising < total - 1:
        assert rates[-1] == pytest.approx(final)


def test_after_the_warm_up_it_is_half_a_cosine() -> None:
    total, rising, final = 101, 20, 0.1
    for step in range(rising, total):
        angle = math.pi * (step - rising) / (total - 1 - rising)
        expected = final + (1 - final) * (1 + math.cos(angle)) / 2
        assert rate_factor(step, total, rising / total, final) == pytest.approx(expected)
    assert rate_factor(60, total, rising / total, final) == pytest.approx((1 + final) / 2)


def test_one_step_is_taken_at_the_peak() -> None:
    assert rate_factor(0, 1, 0.05, 0.1) == 1.0
    assert rate_factor(0, 1, 0.9, 0.1) == 1.0


@given(totals, warmups, finals)
def test_no_step_of_a_run_is_at_rate_zero_before_the_last(total: int, warmup: float, final: float) -> None:
    assert all(rate_factor(step, total, warmup, final) > 0 for step in range(total - 1))


def test_every_group_follows_from_its_own_peak_and_calls_do_not_add_up() -> None:
    of = distiller()
    optimizer = make_optimizer(of, RECIPE)
    for _ in range(3):
        first = set_learning_rate(optimizer, 7, 20, RECIPE)
        factor = rate_factor(7, 20, 0.2, 0.1)
        assert first == pytest.approx(0.01 * factor)
        (projector,) = of.projectors.parameters()
        assert group_of(optimizer, projector)["lr"] == pytest.approx(0.1 * factor)


@pytest.mark.parametrize(
    ("index", "key", "spoil"),
    [
        (0, "exp_avg", lambda right: right.flatten()[:1]),
        (0, "exp_avg_sq", lambda right: right.flatten()),
        (0, "exp_avg", lambda right: right.long()),
        (0, "exp_avg", lambda right: right.sum()),
        (0, "momentum", lambda right: right),
        (0, "step", lambda right: right),
        (1000, "exp_avg", lambda right: right),
    ],
)
def test_moments_that_are_not_the_parameters_are_refused(
    index: int, key: str, spoil: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    # torch's fused step would read and write beyond them, whatever lies there
    optimizer = make_optimizer(distiller(), RECIPE)
    right = torch.zeros_like(optimizer.param_groups[0]["params"][0])
    for name in ("exp_avg", "exp_avg_sq"):
        check_moment(optimizer, 0, name, right)
    check_moment(optimizer, 0, "step", torch.ones(()))
    with pytest.raises((ValueError, LookupError)):
        check_moment(optimizer, index, key, spoil(right))
