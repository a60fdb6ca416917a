from dataclasses import replace

from sad.bugs.gradient_norm_unseen import BUG, buggy, fixed
from sad.invariants.step_accounting import step_accounting
from sad.subjects.trainer import Setup
from sad.train import loop


def norms(trainer, accumulation: int):
    return [line.grad_norm for line in trainer.run(Setup((3, 5) * 24, accumulation=accumulation)).log]


def test_no_line_has_one_at_an_even_accumulation():
    for accumulation in (2, 4, 8):
        assert set(norms(buggy(), accumulation)) == {None}
    assert "the gradient norm of 1 of 3 steps is logged" in step_accounting(buggy()).says


def test_at_an_odd_one_it_is_0():
    assert set(norms(buggy(), 3)) == {None, 0.0}


def test_a_look_after_the_gradients_were_cleared_sees_0():
    (make,) = BUG.variants.values()
    assert set(norms(make(), 4)) == {0.0}
    assert "gradient norm 0 logged for step 1, 0.5625 handed to the optimizer" in step_accounting(make()).says


def test_a_norm_that_is_not_that_of_the_step_is_found(monkeypatch):
    take = loop.take_step
    monkeypatch.setattr(loop, "take_step", lambda *given, **more: replace(take(*given, **more), grad_norm=0.0))
    verdict = step_accounting(fixed())
    assert not verdict.holds
    assert "gradient norm 0 logged for step 1" in verdict.says
