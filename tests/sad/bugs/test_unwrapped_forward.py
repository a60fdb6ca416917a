from dataclasses import replace

from sad.bugs.unwrapped_forward import buggy, fixed
from sad.invariants.split_invariance import split_invariance
from sad.subjects.trainer import Setup
from sad.train import loop


def test_the_weights_of_the_processes_differ():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert "2 processes end with weights that are up to" in verdict.says
    assert verdict.numbers["apart"] > 0.4


def test_after_real_steps_they_are_far_apart_and_the_log_says_nothing():
    trace = buggy().run(Setup((2, 30, 5, 18), devices=2, epochs=4, learning_rate=0.5))
    assert float((trace.ends[0] - trace.ends[1]).abs().max()) > 0.01
    assert all(line.loss > 0 for line in trace.log)


def test_a_loop_that_goes_around_the_wrapper_is_found(monkeypatch):
    take = loop.take_step

    def unwrapped(learner, *more, **named):
        bare = learner.accelerator.unwrap_model(learner.wrapped)
        return take(replace(learner, wrapped=bare), *more, **named)

    monkeypatch.setattr(loop, "take_step", unwrapped)
    verdict = split_invariance(fixed())
    assert not verdict.holds
    assert "2 processes end with weights that are up to" in verdict.says
