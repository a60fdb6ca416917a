"""The loop that trains has every property of a trainer, and takes the same step however it is cut."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sad.errors import Stopped
from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.score_knows_no_schedule import score_knows_no_schedule
from sad.invariants.split_invariance import split_invariance
from sad.invariants.step_accounting import step_accounting
from sad.shipped import trainer
from sad.shipped.trainer import shipped_trainer
from sad.subjects.trainer import Setup, Trace
from sad.train import loop
from sad.train.batches import feed
from sad.train.processes import devices
from sad.train.processes.gradients import Joined


@pytest.mark.parametrize(
    "invariant", [step_accounting, split_invariance, configuration_has_effect, score_knows_no_schedule]
)
def test_it_has_every_property_of_a_trainer(invariant) -> None:
    verdict = invariant(shipped_trainer())
    assert verdict.holds, verdict.says


def test_a_run_is_the_same_every_time_and_its_texts_are_unequal() -> None:
    setup = Setup((2, 30, 5, 18), micro_batch=2, epochs=2)
    first, again = shipped_trainer().run(setup), shipped_trainer().run(setup)
    assert len(first.taken) == 4
    assert all(torch.equal(a.gradient, b.gradient) for a, b in zip(first.taken, again.taken, strict=True))
    assert [line.raw for line in first.log] == [line.raw for line in again.log]
    assert sorted(text for taken in first.taken[:2] for text in taken.texts) == [0, 1, 2, 3]


def test_it_trains_in_two_processes() -> None:
    trace = shipped_trainer().run(Setup((2, 30, 5, 18), devices=2, learning_rate=1e-2))
    assert [len(taken.texts) for taken in trace.taken] == [2, 2]
    assert len(trace.ends) == 2
    assert torch.equal(*trace.ends)
    assert len(trace.log) == 2


def agree(found: Trace, expected: Trace) -> None:
    assert len(found.taken) == len(expected.taken)
    for left, right in zip(found.taken, expected.taken, strict=True):
        assert sorted(left.texts) == sorted(right.texts)
        assert float((left.gradient - right.gradient).norm() / right.gradient.norm()) < 1e-5
    for ours, theirs in zip(found.log, expected.log, strict=True):
        assert ours.raw == pytest.approx(theirs.raw, rel=1e-5)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)


@settings(max_examples=8)
@given(
    lengths=st.lists(st.integers(2, 40), min_size=2, max_size=9),
    micro_batch=st.integers(1, 4),
    accumulation=st.integers(1, 5),
    seed=st.integers(0, 3),
)
def test_no_split_changes_the_step(lengths, micro_batch, accumulation, seed) -> None:
    cut = Setup(tuple(lengths), micro_batch, accumulation, learning_rate=1e-12, seed=seed)
    whole = replace(cut, micro_batch=cut.global_batch, accumulation=1)
    agree(shipped_trainer().run(cut), shipped_trainer().run(whole))


@settings(max_examples=3)
@given(lengths=st.lists(st.integers(2, 40), min_size=3, max_size=7), accumulation=st.integers(1, 3))
def test_nor_does_a_second_process_that_is_short_of_memory(lengths, accumulation) -> None:
    cut = Setup(tuple(lengths), 2, accumulation, devices=2, learning_rate=1e-12, cuts=2)
    found = shipped_trainer().run(cut)
    expected = shipped_trainer().run(replace(cut, micro_batch=cut.global_batch, accumulation=1, devices=1, cuts=1))
    for left, right in zip(found.taken, expected.taken, strict=True):
        assert float((left.gradient - right.gradient).norm() / right.gradient.norm()) < 1e-5
    assert torch.equal(*found.ends)


def test_a_micro_batch_that_is_lost_where_memory_is_short_is_named(monkeypatch) -> None:
    shipped = feed.cut

    def lossy(mine, most, size, cuts):
        found = shipped(mine, most, size, cuts)
        return found[:-1] if cuts > 1 and len(found) > 1 else found

    monkeypatch.setattr(feed, "cut", lossy)
    assert "texts in step 1 instead of 8" in split_invariance(shipped_trainer()).says


def test_a_gradient_that_is_left_of_a_step_that_was_given_up_is_named(monkeypatch) -> None:
    monkeypatch.setattr(loop.Stepper, "_undo", lambda *_: None)
    short = Setup((3, 9, 5, 14, 2, 7), micro_batch=2, accumulation=3, learning_rate=1e-12, cuts=2)
    found, right = (shipped_trainer().run(one) for one in (short, replace(short, cuts=1)))
    assert float((found.taken[0].gradient - right.taken[0].gradient).norm() / right.taken[0].gradient.norm()) > 0.1


def test_processes_that_score_unequal_numbers_of_batches_are_named(monkeypatch) -> None:
    monkeypatch.setattr(
        devices, "dealt", lambda groups, accelerator: groups[accelerator.process_index :: accelerator.num_processes]
    )
    with pytest.raises(RuntimeError, match="batches to score"):
        shipped_trainer().run(Setup((5, 9), devices=2))


def test_a_batch_in_which_nobody_has_a_text_is_named(monkeypatch) -> None:
    cut = feed.cut
    monkeypatch.setattr(feed, "cut", lambda *of: [*cut(*of), []])
    with pytest.raises(RuntimeError, match="in step 1 there is a batch in which nobody has a text"):
        shipped_trainer().run(Setup((5, 9), devices=2))


def test_a_request_to_end_is_no_verdict(monkeypatch):
    asked = SimpleNamespace(ending=SimpleNamespace(signal=15))
    monkeypatch.setattr(trainer.loop, "train", lambda *_, **__: asked)
    with pytest.raises(Stopped) as stopped:
        shipped_trainer().run(Setup((3, 9)))
    assert stopped.value.exit_code == 143


def test_a_scale_of_the_loss_that_is_not_taken_off_again_is_named(monkeypatch) -> None:
    monkeypatch.setattr(Joined, "divide", lambda *_: None)
    assert not split_invariance(shipped_trainer()).holds


def test_micro_batches_that_are_not_scaled_alike_are_named(monkeypatch) -> None:
    shipped, passing, is_last = Joined.backward, Joined.passing, [True]

    def passed(self, *, last: bool):
        is_last[0] = last
        return passing(self, last=last)

    monkeypatch.setattr(Joined, "passing", passed)
    monkeypatch.setattr(Joined, "backward", lambda self, loss: shipped(self, loss if is_last[0] else loss / 2**16))
    assert not split_invariance(shipped_trainer()).holds
