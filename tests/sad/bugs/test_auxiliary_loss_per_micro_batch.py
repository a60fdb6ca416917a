from sad.batch import LAYERWISE
from sad.bugs.auxiliary_loss_per_micro_batch import AUX, WithAuxiliary, buggy, fixed
from sad.invariants.split_invariance import split_invariance
from sad.objective import Objective
from sad.shipped import trainer
from sad.subjects.trainer import Setup


def test_the_term_counts_once_a_micro_batch():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert "8 accumulated" in verdict.says
    assert verdict.numbers["apart"] > 0.5


def test_at_accumulation_1_all_is_well():
    setup = Setup((2, 30, 5), micro_batch=3)
    faulty, right = buggy().run(setup), WithAuxiliary().run(setup)
    assert float((faulty.taken[0].gradient - right.taken[0].gradient).norm()) < 1e-12
    assert AUX in right.log[0].raw


def test_one_term_of_the_loss_that_is_divided_by_its_own_units_is_found(monkeypatch):
    right = Objective.part

    def part(self, sums, units):
        return right(self, sums, {**units, LAYERWISE: max(1, sums[LAYERWISE].units)})

    monkeypatch.setattr(Objective, "part", part)
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    # a scale of the loss would be told of by them
    monkeypatch.setattr(trainer, "_scaled", lambda *_: None)
    verdict = split_invariance(fixed())
    assert not verdict.holds
    assert "away from that of one micro-batch" in verdict.says
