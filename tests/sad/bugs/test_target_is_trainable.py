import pytest

from sad.bugs.target_is_trainable import BUG
from sad.terms import TERMS, View
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    assert found.fixed[0].says.endswith("targets and other terms bit-identical")


def test_the_faulty_loss_falls_by_orders_of_magnitude_with_a_frozen_student(found):
    (verdict,) = found.reproduced
    assert verdict.says.startswith("alignment fell from 0.128 to ")
    assert verdict.numbers["alignment_after"] < 1e-5


def test_kd_against_projected_teacher_logits_falls_too(found):
    (verdict,) = found.variants["the teacher's logits behind a trained projector"]
    assert verdict.says.startswith("kd fell from ")
    assert verdict.numbers["kd_after"] < 0.5


def test_a_target_behind_the_trained_projector_is_named(monkeypatch, judged):
    shipped = View.states

    def states(self, pair):
        student, teacher = shipped(self, pair)
        return student, teacher * self.projectors[pair].map.weight.mean(dim=1)

    monkeypatch.setattr(View, "states", states)
    found = judged(BUG)
    assert not found.absent
    assert "target of layerwise moved" in found.fixed[0].says


def test_a_term_with_a_trained_weight_is_named(monkeypatch, judged):
    def lm(view, shipped=TERMS["lm"]):
        total, units = shipped(view)
        return type(shipped(view))(total * view.projectors[0].map.weight.mean().exp(), units)

    monkeypatch.setitem(TERMS, "lm", lm)
    found = judged(BUG)
    assert not found.absent
    assert "lm moved from" in found.fixed[0].says
