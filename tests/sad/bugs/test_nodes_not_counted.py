from sad.bugs.nodes_not_counted import BUG, buggy, fixed
from sad.data import Schedule
from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.split_invariance import split_invariance
from sad.subjects.trainer import Setup


def test_a_step_has_twice_the_texts_and_an_epoch_half_the_steps():
    says = configuration_has_effect(buggy()).says
    assert says == "8 texts a step instead of 4 (micro-batch 1, accumulation 2, 1 devices on 2 nodes)"
    assert "1 optimizer steps instead of 2" in split_invariance(buggy()).says


def test_on_one_node_all_is_well():
    trace = buggy().run(Setup((3,) * 16, micro_batch=2, accumulation=2, devices=2))
    assert [len(taken.texts) for taken in trace.taken] == [8, 8]


def test_a_schedule_that_does_not_count_processes_is_found(monkeypatch):
    monkeypatch.setattr(Schedule, "per_step", property(lambda self: self.batch_size * self.accumulation))
    verdicts = [invariant(fixed()) for invariant in BUG.invariants]
    assert not any(verdict.holds for verdict in verdicts)
    assert "2 texts a step instead of 4" in verdicts[1].says
