from dataclasses import replace

from sad.align.vocab import VocabMap
from sad.bugs.temperature_squared import BUG
from sad.losses import kd
from sad.rows import Rows
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "value 1.000 to 64.000 x right" in found.reproduced[0].says
    assert "gradient 0.016 to 1.000 x right" in found.variants["the factor left out"][0].says
    assert "value 0.125 to 1.000 x right" in found.variants["the factor without its square"][0].says
    assert found.fixed[0].says == "value and gradient are those of the formula, for T from 1 to 8"
    assert found.fixed[1].says == "in force: count, labels, temperature"


def scaled(value, gradient, shipped=kd.rows):
    """The shipped rows times factors that depend on the temperature."""

    def rows(student, target, divergence, *more):
        values, gradients = shipped(student, target, divergence, *more)
        return Rows(value(divergence.temperature) * values, gradient(divergence.temperature) * gradients)

    return rows


def test_the_factor_on_the_value_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "rows", scaled(lambda heat: heat**2, lambda _: 1.0))
    assert "64.000 x right" in found_in_the_code_that_trains(BUG)


def test_a_missing_factor_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "rows", scaled(lambda _: 1.0, lambda heat: heat**-2))
    assert "0.016" in found_in_the_code_that_trains(BUG)


def test_a_teacher_that_is_not_softened_is_found(monkeypatch, found_in_the_code_that_trains):
    scores = VocabMap.scores
    monkeypatch.setattr(VocabMap, "scores", lambda self, logits, _=1.0: scores(self, logits))
    found_in_the_code_that_trains(BUG)


def test_the_other_direction_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = kd.rows

    def reverse(student, log_p, divergence, *more):
        return shipped(student, log_p, replace(divergence, kind=kd.Kind.REVERSE_KL), *more)

    monkeypatch.setattr(kd, "rows", reverse)
    found_in_the_code_that_trains(BUG)
