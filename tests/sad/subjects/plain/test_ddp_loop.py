"""The plain loop in real processes does what it does in simulated ones."""

from __future__ import annotations

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.split_invariance import split_invariance
from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.trainer import Setup

SETUP = Setup((4, 30, 9, 18, 2, 7), micro_batch=1, accumulation=2, devices=2, epochs=2)


@pytest.mark.parametrize("invariant", [split_invariance, configuration_has_effect])
def test_it_has_the_properties_of_a_trainer(invariant) -> None:
    verdict = invariant(DdpLoop())
    assert verdict.holds, verdict.says


def test_it_takes_the_steps_of_the_simulated_processes() -> None:
    real, simulated = DdpLoop().run(SETUP), PlainLoop().run(SETUP)
    assert len(real.taken) == len(simulated.taken) == 4
    for left, right in zip(real.taken, simulated.taken, strict=True):
        assert sorted(left.texts) == sorted(right.texts)
        torch.testing.assert_close(left.gradient, right.gradient, rtol=1e-12, atol=1e-14)
    for ours, theirs in zip(real.log, simulated.log, strict=True):
        assert ours.raw == pytest.approx(theirs.raw, rel=1e-12)


def test_the_wrapper_is_there() -> None:
    class Told(DdpLoop):
        def score(self) -> float:
            return float(isinstance(self.processes[0].model, DistributedDataParallel))

    assert Told().run(Setup((3, 4), devices=2, eval_every=1)).scores == [1.0]


def test_where_this_process_cannot_be_forked_another_is(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    setup = Setup((4, 30, 9), devices=2)
    real, simulated = DdpLoop().run(setup), PlainLoop().run(setup)
    torch.testing.assert_close(real.taken[0].gradient, simulated.taken[0].gradient, rtol=1e-12, atol=1e-14)
    assert torch.equal(*real.ends)
