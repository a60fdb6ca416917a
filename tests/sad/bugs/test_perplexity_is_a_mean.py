import math

import pytest

from sad.bugs.perplexity_is_a_mean import BUG
from sad.evaluate import Likelihood, _Totals
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    (reproduced,), (attempt,) = found.reproduced, found.variants["losses averaged, not perplexities"]
    right = pytest.approx(57.8, rel=1e-3)
    assert (reproduced.numbers["right"], attempt.numbers["right"]) == (right, right)
    assert reproduced.numbers["got"] > attempt.numbers["got"] > 100
    assert reproduced.says.startswith("six batches: perplexity")


def test_a_mean_of_means_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = _Totals.add_sum

    def add_mean(self, name, summed):
        if name != "own/lm":
            return shipped(self, name, summed)
        self.add(f"total/{name}", summed.total / summed.units if summed.units else 0.0)
        return self.add(f"units/{name}", float(summed.units > 0))

    monkeypatch.setattr(_Totals, "add_sum", add_mean)
    assert "lm_loss" in found_in_the_code_that_trains(BUG)


def test_another_base_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Likelihood, "perplexity", property(lambda self: math.pow(2, self.lm_loss)))
    assert "perplexity" in found_in_the_code_that_trains(BUG)
