import torch

from sad.align.vocab import VocabMap
from sad.bugs.temperature_squared import BUG
from sad.losses import kd
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "value 1.000 to 64.000 x right" in found.reproduced[0].says
    assert "gradient 0.016 to 1.000 x right" in found.variants["the factor left out"][0].says
    assert "value 0.125 to 1.000 x right" in found.variants["the factor without its square"][0].says
    assert found.fixed[0].says == "value and gradient are those of the formula, for T from 1 to 8"
    assert found.fixed[1].says == "in force: count, labels, temperature"


def test_the_factor_on_the_value_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "scale_gradient", lambda value, factor: factor * value)
    assert "64.000 x right" in found_in_the_code_that_trains(BUG)


def test_a_missing_factor_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "scale_gradient", lambda value, _: value)
    assert "0.016" in found_in_the_code_that_trains(BUG)


def test_a_teacher_that_is_not_softened_is_found(monkeypatch, found_in_the_code_that_trains):
    project = VocabMap.project
    monkeypatch.setattr(VocabMap, "project", lambda self, logits, _=1.0: project(self, logits))
    found_in_the_code_that_trains(BUG)


def test_the_other_direction_is_found(monkeypatch, found_in_the_code_that_trains):
    forward = kd.forward_kl

    def reverse(student, log_p, temperature=1.0):
        return forward(log_p * temperature, torch.log_softmax(student.float() / temperature, -1), temperature)

    monkeypatch.setattr(kd, "forward_kl", reverse)
    found_in_the_code_that_trains(BUG)
