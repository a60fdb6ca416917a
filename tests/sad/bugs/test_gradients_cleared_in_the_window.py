from sad.bugs.gradients_cleared_in_the_window import BUG, buggy, fixed
from sad.distiller import Distiller
from sad.invariants.split_invariance import split_invariance
from sad.invariants.step_accounting import step_accounting


def test_only_the_last_micro_batch_counts():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert "gradient 97% away from that of one micro-batch and 0.06 times as long" in verdict.says


def test_the_loss_that_is_logged_is_not_the_one_that_is_trained():
    assert "over a step whose gradient says" in step_accounting(buggy()).says


def test_gradients_that_are_never_cleared_are_twice_as_long_the_second_time():
    (make,) = BUG.variants.values()
    assert "gradient 100% away the second time" in split_invariance(make()).says


def test_gradients_that_are_cleared_before_each_forward_pass_are_found(monkeypatch):
    right = Distiller.forward

    def clearing(self, *given):
        self.zero_grad()
        return right(self, *given)

    monkeypatch.setattr(Distiller, "forward", clearing)
    verdict = split_invariance(fixed())
    assert not verdict.holds
    assert "1 process" in verdict.says
