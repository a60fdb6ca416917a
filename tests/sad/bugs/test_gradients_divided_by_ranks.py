from dataclasses import replace

import pytest
import torch.distributed as dist

from sad.bugs.gradients_divided_by_ranks import buggy, fixed, in_pieces
from sad.invariants.split_invariance import split_invariance
from sad.objective import Objective


@pytest.mark.parametrize("make", [buggy, in_pieces])
def test_half_of_the_gradient_is_left_on_two_processes(make):
    verdict = split_invariance(make())
    assert not verdict.holds
    assert "gradient 50% away from that of one micro-batch and 0.50 times as long" in verdict.says
    assert "2 processes" in verdict.says


@pytest.mark.parametrize("make", [buggy, in_pieces])
def test_on_one_process_all_is_well(make):
    alone = make()
    alone.claims = replace(alone.claims, processes=(1,))
    assert split_invariance(alone).holds


def test_a_sum_that_is_averaged_is_found(monkeypatch):
    right = Objective.part

    def averaged(self, sums, units):
        return right(self, sums, units) / (dist.get_world_size() if dist.is_initialized() else 1)

    monkeypatch.setattr(Objective, "part", averaged)
    verdict = split_invariance(fixed())
    assert not verdict.holds
    assert "gradient 50% away from that of one micro-batch and 0.50 times as long" in verdict.says
