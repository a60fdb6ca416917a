import pytest

from sad.bugs.evaluation_has_other_weights import BUG
from sad.distiller import Distiller
from sad.objective import Objective
from sad.train import held_out
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    (reproduced,), (fixed,) = found.reproduced, found.fixed
    assert reproduced.numbers["evaluation"] > 1.5 * reproduced.numbers["training"]
    assert fixed.numbers["lowest"] == fixed.numbers["highest"]


def test_with_the_step_it_agrees_but_moves_on_its_own(found):
    (verdict,) = found.attempts["evaluation gets the step"]
    assert not verdict.holds
    assert verdict.numbers["training"] == verdict.numbers["evaluation"]
    assert verdict.numbers["highest"] > 1.2 * verdict.numbers["lowest"]


def test_other_weights_are_found(monkeypatch, found_in_the_code_that_trains):
    evaluate = held_out.evaluate

    def with_full_weights(distiller, batches, objective, *more):
        return evaluate(distiller, batches, Objective(dict.fromkeys(objective.weights, 1.0)), *more)

    monkeypatch.setattr(held_out, "evaluate", with_full_weights)
    assert "in training" in found_in_the_code_that_trains(BUG)


def test_the_weights_of_the_step_before_are_found(monkeypatch, found_in_the_code_that_trains):
    # weights that are not set at the start move at every step
    monkeypatch.setattr(Objective, "calibrate", lambda *_: None)
    monkeypatch.setattr(held_out, "evaluate", _behind(held_out.evaluate))
    assert "in training" in found_in_the_code_that_trains(BUG)


def test_dropout_in_evaluation_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Distiller, "eval", lambda self: self)
    assert "held still" in found_in_the_code_that_trains(BUG)


def _behind(evaluate):
    before = []

    def late(distiller, batches, objective, *more):
        before.append(dict(objective.weights))
        return evaluate(distiller, batches, Objective(before[-2:][0]), *more)

    return late
