import torch.distributed as dist

from sad.bugs.gradients_divided_by_ranks import buggy, fixed
from sad.invariants.split_invariance import split_invariance
from sad.objective import Objective


def test_a_quarter_of_the_gradient_is_left_on_four_processes():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert "gradient 75% away from that of one micro-batch and 0.25 times as long" in verdict.says
    assert "4 processes" in verdict.says


def test_a_sum_that_is_averaged_is_found(monkeypatch):
    right = Objective.part

    def averaged(self, sums, units):
        return right(self, sums, units) / (dist.get_world_size() if dist.is_initialized() else 1)

    monkeypatch.setattr(Objective, "part", averaged)
    verdict = split_invariance(fixed())
    assert not verdict.holds
    assert "gradient 50% away from that of one micro-batch and 0.50 times as long" in verdict.says
