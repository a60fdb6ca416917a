"""The plain loop is right: against a closed form, and for every way of cutting a step."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.score_knows_no_schedule import score_knows_no_schedule
from sad.invariants.split_invariance import split_invariance
from sad.invariants.step_accounting import step_accounting
from sad.subjects.plain.loop import KD, LM, PlainLoop, make_table, make_texts
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import Setup

EVERY = (step_accounting, split_invariance, configuration_has_effect, score_knows_no_schedule)


@pytest.mark.parametrize("invariant", EVERY)
def test_it_has_every_property_of_a_trainer(invariant) -> None:
    verdict = invariant(PlainLoop())
    assert verdict.holds, verdict.says


def test_its_gradient_is_the_closed_form() -> None:
    setup = Setup((4, 30, 9, 18), micro_batch=4)
    (taken,) = PlainLoop().run(setup).taken
    student, teacher = make_table(1, 1.0).softmax(-1), make_table(2, 2.0).softmax(-1)
    expected, count = torch.zeros_like(student), sum(setup.lengths)
    for text in make_texts(setup.lengths):
        for read, label in itertools.pairwise(text):
            onehot = torch.nn.functional.one_hot(label, len(student))
            expected[read] += (student[read] - teacher[read]) + 0.5 * (student[read] - onehot)
    torch.testing.assert_close(taken.gradient, (expected / count).flatten(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(taken.change, -setup.learning_rate * taken.gradient, rtol=1e-10, atol=1e-16)


def test_its_log_adds_up_and_is_of_the_step() -> None:
    setup = Setup((4, 30, 9, 18), micro_batch=2, epochs=2, weights=((KD, 3.0),))
    trace = PlainLoop().run(setup)
    assert [line.step for line in trace.log] == [1, 2, 3, 4]
    for line, taken in zip(trace.log, trace.taken, strict=True):
        assert line.weight == {KD: 3.0, LM: 0.5}
        assert line.loss == pytest.approx(3.0 * line.raw[KD] + 0.5 * line.raw[LM], rel=1e-12)
        assert line.grad_norm == pytest.approx(float(taken.gradient.norm()), rel=1e-12)


def test_it_learns() -> None:
    setup = Setup((4, 30, 9, 18) * 4, micro_batch=4, epochs=40, learning_rate=2.0, schedule=Schedule.COSINE, warmup=4)
    trace = PlainLoop().run(setup)
    assert trace.log[-1].raw[KD] < 0.3 * trace.log[0].raw[KD]


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    micro_batch=st.integers(1, 5),
    accumulation=st.integers(1, 5),
    devices=st.integers(1, 4),
    seed=st.integers(0, 3),
)
def test_no_split_changes_the_step(lengths, micro_batch, accumulation, devices, seed) -> None:
    cut = Setup(tuple(lengths), micro_batch, accumulation, devices, epochs=2, learning_rate=1e-3, seed=seed)
    whole = replace(cut, micro_batch=cut.global_batch, accumulation=1, devices=1)
    found, expected = PlainLoop().run(cut), PlainLoop().run(whole)
    assert len(found.taken) == len(expected.taken) == cut.steps
    for left, right in zip(found.taken, expected.taken, strict=True):
        assert sorted(left.texts) == sorted(right.texts)
        torch.testing.assert_close(left.gradient, right.gradient, rtol=1e-10, atol=1e-13)
    for ours, theirs in zip(found.log, expected.log, strict=True):
        assert ours.raw == pytest.approx(theirs.raw, rel=1e-10)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-10)
    assert all(torch.equal(end, found.ends[0]) for end in found.ends)
