from __future__ import annotations

from sad import tiny
from sad.preflight import overfit as module
from sad.preflight.finding import Level
from sad.preflight.overfit import overfit

QUICK = {"terms": {"kd": {"weight": 0.0}, "layerwise": {"weight": 0.0}}}


def rate(value: float) -> dict:
    return {**QUICK, "train": {"learning_rate": value}}


def test_a_sound_student_learns_a_batch_by_heart(bench) -> None:
    (found,) = overfit(bench(rate(1e-2)))
    assert found.level is Level.FINE
    assert found.numbers["left"] < 0.8


def test_a_loss_that_has_halved_for_some_steps_is_enough(bench, monkeypatch) -> None:
    (whole,) = overfit(bench(rate(1e-2)))
    monkeypatch.setattr(module, "HALVED", 0.75)
    (found,) = overfit(bench(rate(1e-2)))
    assert found.level is Level.FINE
    assert 0 < found.numbers["steps"] < whole.numbers["steps"] <= module.STEPS
    assert whole.numbers["last"] < found.numbers["last"] <= 0.75 * found.numbers["first"]


def test_a_learning_rate_that_moves_nothing_is_wrong_and_the_edit_is_proven(bench, wrong) -> None:
    (found,) = wrong(overfit(bench(rate(1e-8))))
    assert "does not fall" in found.says
    mended = found.edits["train.learning_rate"]
    (again,) = overfit(bench(rate(mended)))
    assert again.level is Level.FINE


def test_a_learning_rate_that_diverges_is_wrong(bench, wrong) -> None:
    (found,) = wrong(overfit(bench(rate(100.0))))
    assert found.edits["train.learning_rate"] < 100.0


def test_an_optimizer_that_never_steps_is_wrong_and_no_learning_rate_helps(bench, wrong, monkeypatch) -> None:
    from sad.train import step

    monkeypatch.setattr(step, "_update", lambda *_: None)
    monkeypatch.setattr(module, "STEPS", 4)
    (found,) = wrong(overfit(bench(rate(1e-2))))
    assert not found.edits
    assert "no learning rate tried here helps" in found.advice


def test_usual_rates_are_those_of_the_recipe() -> None:
    assert module._usual("embedded") == tiny.parse({}, "x").train.learning_rate
    assert module._usual("./mine") == 1e-4
