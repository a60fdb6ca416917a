"""The training loop as a run that can be taken up: what the adaptor tells of it is what it did."""

import os
import signal
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_post_hook

from sad import tiny
from sad.errors import UserError
from sad.invariants.resume_equivalence import SETTING, differences, resume_equivalence
from sad.shipped import resumable
from sad.shipped.resumable import shipped_resumable
from sad.subjects.resumable import FINISHED, STOPPED, Setting
from sad.train.optimizer import rate_factor


@pytest.fixture(scope="module")
def ran():
    return shipped_resumable().run(SETTING, None, (2, 4))


def test_it_tells_the_samples_of_every_step(ran):
    assert [len(step.samples) for step in ran.taken] == [4, 3, 4, 3, 4, 3]
    for epoch in (0, 2, 4):
        seen = ran.taken[epoch].samples + ran.taken[epoch + 1].samples
        assert sorted(seen) == list(range(SETTING.size))


def test_it_tells_the_learning_rate_of_every_step(ran):
    rates = [2e-3 * rate_factor(step, SETTING.steps, 0.02, 0.1) for step in range(SETTING.steps)]
    assert [step.rate for step in ran.taken] == pytest.approx(rates)


def test_it_tells_of_the_student_the_projectors_and_their_moments(ran):
    assert any("projectors" in name for name in ran.live)
    assert {id(p) for p in ran.owned} == {id(p) for p in ran.live.values()}
    assert len(ran.moments) == 3 * len(ran.live) + 1  # and the random state of the GPU
    assert not any("teacher" in name for name in ran.weights)


def test_what_is_saved_knows_nothing_of_later_checkpoints(ran):
    def steps(files):
        return {name.split("/")[1] for name in files if name.startswith("checkpoints/")}

    assert steps(ran.saved[2]) == {"step-00000002"}
    assert steps(ran.saved[4]) == {"step-00000002", "step-00000004"}


def test_a_setting_that_the_tiny_text_cannot_fill_is_refused():
    with pytest.raises(ValueError, match="examples, not 1000"):
        shipped_resumable().run(Setting(1000, 1, 1, 0, 1), None, ())


@pytest.mark.parametrize("run", [lambda: shipped_resumable().run(SETTING, None, ()), lambda: tiny.train(tiny.plan())])
def test_a_ctrl_c_ends_who_judges_and_is_no_end_of_the_run(run):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    hook = register_optimizer_step_post_hook(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        hook.remove()


@st.composite
def stopped(draw):
    steps = draw(st.integers(2, 5))
    made = Setting(
        draw(st.integers(2, 9)), draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 5)), steps
    )
    return made, draw(st.integers(1, steps - 1))


@settings(max_examples=6)
@given(stopped())
def test_it_may_be_stopped_anywhere(case):
    setting, at = case
    whole = shipped_resumable().run(setting, None, (at,))
    assert list(differences(whole, at, shipped_resumable().run(setting, whole.saved[at], ()))) == []


def test_it_may_be_asked_to_end(ran):
    stopped = shipped_resumable().stopped(SETTING, 2)
    assert (len(stopped.taken), set(stopped.saved), stopped.ended) == (2, {2}, STOPPED)
    assert ran.ended == FINISHED


def test_other_data_are_refused(ran):
    with pytest.raises(UserError, match="the data is not what"):
        shipped_resumable().run(replace(SETTING, size=6), ran.saved[2], ())


def test_a_recipe_that_is_written_for_other_processes_is_fitted(monkeypatch):
    monkeypatch.setattr(resumable, "fitted", lambda recipe, *_: recipe)
    with pytest.raises(UserError, match=r"a step of .* takes 4 windows, and here it would take 3"):
        resume_equivalence(shipped_resumable())
