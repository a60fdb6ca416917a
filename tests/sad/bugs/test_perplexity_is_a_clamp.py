import math
from dataclasses import replace

import pytest

from sad import evaluate
from sad.bugs.perplexity_is_a_clamp import BUG
from sad.evaluate import Likelihood
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    (reproduced,), (fixed,) = found.reproduced, found.fixed
    assert "485,165,195.41" in reproduced.says
    assert reproduced.numbers["got"] == pytest.approx(math.exp(20))
    assert fixed.numbers["uniform"] == pytest.approx(320, rel=1e-5)
    assert fixed.numbers["sure"] > 1e25


def test_without_the_cap_it_is_still_the_total(found):
    (verdict,) = found.attempts["the cap taken away"]
    assert not verdict.holds
    assert verdict.numbers["got"] > math.exp(60)


@pytest.mark.parametrize("cap", [20, 100, 700])
def test_a_cap_is_found(monkeypatch, found_in_the_code_that_trains, cap):
    monkeypatch.setattr(Likelihood, "perplexity", property(lambda self: math.exp(min(self.lm_loss, cap))))
    assert "sure" in found_in_the_code_that_trains(BUG)


def test_the_total_in_its_place_is_found(monkeypatch, found_in_the_code_that_trains):
    scores = evaluate.evaluate

    def of_the_total(*given):
        right = scores(*given)
        tokens = right.likelihood.tokens
        return replace(right, likelihood=Likelihood(tokens * right.ledger.loss, tokens, right.likelihood.bytes))

    monkeypatch.setattr(evaluate, "evaluate", of_the_total)
    assert "knows nothing" in found_in_the_code_that_trains(BUG)


def test_a_mean_of_means_is_found(monkeypatch, found_in_the_code_that_trains):
    def add_mean(self, name, summed):
        self.add(f"total/{name}", summed.total.double() / max(1, summed.units))
        self.add(f"units/{name}", 1)

    monkeypatch.setattr(evaluate._Totals, "add_sum", add_mean)
    # a mean that is not multiplied back by its labels also loses the bits
    assert "bits per byte" in found_in_the_code_that_trains(BUG)


def test_nats_in_place_of_bits_are_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Likelihood, "bits_per_byte", property(lambda self: self.nats / self.bytes))
    assert "bits per byte" in found_in_the_code_that_trains(BUG)
