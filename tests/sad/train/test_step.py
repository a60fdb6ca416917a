"""One optimizer step: the same gradient however it is cut, clipped once, never applied when it is not finite."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from sad import tiny
from sad.batch import KD, LAYERWISE, LM, Batch
from sad.data import blank, collate
from sad.distiller import Distiller
from sad.objective import Objective
from sad.train.plan import Plan
from sad.train.step import Learner, Step, take_step, total_units

FREE = 1e9
"""A clip that never clips."""


class Rig:
    """A plan's distiller with plain gradient descent, whose gradient is seen just before each step."""

    def __init__(self, plan: Plan, rate: float = 0.1, **more: Any) -> None:
        AcceleratorState._reset_state()
        self.plan, self.accelerator = plan, Accelerator(cpu=True)
        pair = plan.pair
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)
        plain = torch.optim.SGD(self.distiller.parameters(), lr=rate)
        self.objective = Objective(dict(plan.recipe.terms.weights), **more)
        self.wrapped, self.optimizer = self.accelerator.prepare(self.distiller, plain)
        self.gradient: Tensor | None = None
        plain.register_step_pre_hook(lambda *_: self._look())

    def _look(self) -> None:
        self.gradient = torch.cat([p.grad.flatten().clone() for p in self.distiller.parameters()])

    def step(self, batches: Sequence[Batch], clip: float = FREE, **more: Any) -> Step:
        learner = Learner(self.accelerator, self.wrapped, self.optimizer, self.objective)
        return take_step(learner, batches, clip, **more)

    def split(self, *sizes: int) -> list[Batch]:
        edges = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        return [collate(self.plan.train[a:b], self.plan.pair.readers) for a, b in itertools.pairwise(edges)]


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield Rig(tiny.plan({"terms": {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.3}}}))
    AcceleratorState._reset_state()


def test_lengths_are_unequal(rig: Rig) -> None:
    assert len({len(e.student) for e in rig.plan.train[:8]}) > 2


@pytest.mark.parametrize("sizes", [(1,) * 8, (3, 5), (6, 1, 1), (2, 2, 2, 2)])
def test_micro_batches_give_the_gradient_and_the_account_of_the_whole(sizes: tuple[int, ...], rig: Rig) -> None:
    whole = rig.step(rig.split(8))
    other = Rig(tiny.plan({"terms": {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.3}}}))
    cut = other.step(other.split(*sizes))
    assert whole.ledger.raw == pytest.approx(cut.ledger.raw, rel=1e-5)
    assert (whole.tokens, whole.coverage) == (cut.tokens, cut.coverage)
    assert whole.grad_norm == pytest.approx(cut.grad_norm, rel=1e-4)
    error = float((rig.gradient - other.gradient).norm() / rig.gradient.norm())
    assert error < 1e-4
    assert whole.update_ratio == pytest.approx(cut.update_ratio, rel=1e-4)


def test_blank_batches_change_nothing(rig: Rig) -> None:
    whole = rig.step(rig.split(4))
    other = Rig(tiny.plan({"terms": {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.3}}}))
    cut = other.step([*other.split(4), blank(other.plan.train[0], other.plan.pair.readers)])
    assert whole.ledger == cut.ledger
    assert torch.equal(rig.gradient, other.gradient)


def test_the_gradient_is_that_of_the_recorded_loss(rig: Rig) -> None:
    (batch,) = rig.split(4)
    found = rig.step([batch])
    other = Rig(tiny.plan({"terms": {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.3}}}))
    sums = other.distiller(batch, other.distiller.ask_teacher(batch))
    weights, units = other.objective.weights, batch.counts()
    loss = sum(weights[name] * one.total / units[name] for name, one in sums.items())
    loss.backward()
    expected = torch.cat([p.grad.flatten() for p in other.distiller.parameters()])
    assert found.ledger.loss == pytest.approx(float(loss.detach()), rel=1e-6)
    torch.testing.assert_close(rig.gradient, expected, rtol=1e-4, atol=1e-7)
    assert found.grad_norm == pytest.approx(float(expected.norm()), rel=1e-5)


def test_a_long_gradient_is_clipped_once_for_the_whole_step(rig: Rig) -> None:
    found = rig.step(rig.split(2, 6), clip=0.01)
    assert found.grad_norm > 0.1
    assert float(rig.gradient.norm()) == pytest.approx(0.01, rel=1e-3)


def test_weights_move_by_the_rate_and_the_ratio_says_by_how_much(rig: Rig) -> None:
    before = tiny.weights(rig.distiller.student)
    found = rig.step(rig.split(4))
    moved = tiny.weights(rig.distiller.student) - before
    assert found.update_ratio == pytest.approx(float(moved.norm() / before.norm()), rel=1e-4)
    assert found.update_ratio > 0
    assert rig.step(rig.split(4), measure_update=False).update_ratio is None


def test_gradients_are_cleared(rig: Rig) -> None:
    rig.step(rig.split(4))
    assert all(p.grad is None for p in rig.distiller.parameters())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_not_applied(rig: Rig, bad: float) -> None:
    parameter = next(rig.distiller.student.parameters())
    handle = parameter.register_hook(lambda g: g * bad)
    before = tiny.weights(rig.distiller)
    found = rig.step(rig.split(2, 2))
    handle.remove()
    assert not found.finite
    assert not math.isfinite(found.grad_norm)
    assert math.isfinite(found.ledger.loss)
    assert found.update_ratio is None
    assert torch.equal(tiny.weights(rig.distiller), before)
    assert all(p.grad is None for p in rig.distiller.parameters())
    assert rig.step(rig.split(2, 2)).finite


def test_a_loss_that_is_not_finite_is_named_and_not_applied(rig: Rig) -> None:
    parameter = next(rig.distiller.student.parameters())
    with torch.no_grad():
        parameter[5, 0] = math.nan
    before = tiny.weights(rig.distiller)
    found = rig.step(rig.split(8))
    assert not found.finite
    assert math.isnan(found.ledger.raw[LM])
    assert torch.equal(torch.nan_to_num(tiny.weights(rig.distiller)), torch.nan_to_num(before))


def test_the_teacher_does_not_change(rig: Rig) -> None:
    before = tiny.weights(rig.plan.pair.teacher)
    for _ in range(3):
        rig.step(rig.split(2, 2))
    assert torch.equal(tiny.weights(rig.plan.pair.teacher), before)


def test_units_are_summed_over_micro_batches(rig: Rig) -> None:
    (whole,) = rig.split(8)
    units = total_units(rig.accelerator, rig.distiller, rig.split(3, 5))
    assert units == (whole.counts(), int(whole.student.attention_mask.sum()), 8)
    found = rig.step(rig.split(3, 5))
    assert found.tokens == len(whole.targets)
    assert (found.seen, found.texts) == (units.tokens, 8)
    assert found.coverage == len(whole.boundaries) / len(whole.targets)


def test_the_controller_sees_the_whole_step_and_moves_after_it() -> None:
    rig = Rig(tiny.plan(), shares={KD: 50.0, LM: 30.0, LAYERWISE: 20.0})
    start = dict(rig.objective.weights)
    found = rig.step(rig.split(3, 5))
    assert found.ledger.weight == start
    assert rig.objective.weights != start
    assert rig.objective.means == found.ledger.raw
    AcceleratorState._reset_state()
