import torch

from sad.bugs.rank_means_averaged import BUG, buggy, fixed
from sad.invariants.split_invariance import split_invariance
from sad.train import step


def test_each_process_with_its_own_count_is_caught_only_where_there_are_several():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert "processes)" in verdict.says
    assert verdict.numbers["apart"] > 0.2

    alone = buggy()
    alone.claims = type(alone.claims)(processes=(1,), noise=1e-10)
    assert split_invariance(alone).holds


def test_means_of_micro_batches_and_of_processes_are_caught():
    (make,) = BUG.variants.values()
    assert split_invariance(make()).numbers["apart"] > 0.5


def test_units_that_are_not_summed_over_processes_are_found(monkeypatch):
    def own_units(_accelerator, _distiller, batches):
        counts = [batch.counts() for batch in batches]
        return step.Units({name: sum(count[name] for count in counts) for name in counts[0]}, 1, 1)

    monkeypatch.setattr(step, "total_units", own_units)
    verdict = split_invariance(fixed())
    assert not verdict.holds
    assert "2 processes" in verdict.says
    assert torch.is_grad_enabled()
