from dataclasses import replace

from sad.bugs.beta_on_the_other_side import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "beta = 0.1: value 1.526, right 0.2224 (x 6.86)" in found.reproduced[0].says
    assert "beta: value 0.9269, right 0.3289" in found.reproduced[1].says
    assert "beta = 0: value" in found.attempts["the weights exchanged, without the limits"][0].says


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    right = kd.rows
    swapped = lambda logits, target, how, *more: right(logits, target, replace(how, mix=1 - how.mix), *more)  # noqa: E731
    monkeypatch.setattr(kd, "rows", swapped)
    assert "beta = 0" in found_in_the_code_that_trains(BUG)
