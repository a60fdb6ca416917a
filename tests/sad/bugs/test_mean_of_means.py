import pytest

from sad.bugs.mean_of_means import BUG, buggy, fixed
from sad.invariants.split_invariance import split_invariance
from sad.objective import Objective
from sad.shipped import trainer


def test_the_mean_of_means_weighs_short_texts_as_much_as_long_ones():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert "gradient 54% away from that of one micro-batch" in verdict.says
    assert "6 accumulated" in verdict.says


@pytest.mark.parametrize("name", BUG.variants)
def test_every_form_is_caught(name):
    verdict = split_invariance(BUG.variants[name]())
    assert not verdict.holds
    assert verdict.numbers["apart"] > 0.05


def test_where_only_the_metrics_are_averaged_it_is_the_log_that_is_wrong():
    alone = BUG.variants["only the metrics averaged"]()
    alone.claims = type(alone.claims)(noise=1e-10)
    verdict = split_invariance(alone)
    assert "raw lm 2.4719 logged, 2.3240 in one micro-batch" in verdict.says


def test_a_loss_that_ignores_the_count_is_a_sum_of_means():
    verdict = split_invariance(BUG.variants["a distillation loss that ignores the count"]())
    assert "7.60 times as long (micro-batches of 1, 8 accumulated, 1 process)" in verdict.says


def test_a_mean_of_each_micro_batch_is_found(monkeypatch):
    def part(self, sums, _units):
        return sum(self.weights[name] * one.total / max(1, one.units) for name, one in sums.items())

    monkeypatch.setattr(Objective, "part", part)
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    # a scale of the loss would be told of by them
    monkeypatch.setattr(trainer, "_scaled", lambda *_: None)
    (invariant,) = BUG.invariants
    verdict = invariant(fixed())
    assert not verdict.holds
    assert "away from that of one micro-batch" in verdict.says
