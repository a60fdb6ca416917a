from sad.bugs.logits_are_rounded import BUG
from sad.head.products import Factor
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "the gradient to the states is" in found.reproduced[0].says
    (attempt,) = found.attempts["float32 after the product"]
    assert "the gradient to the states is" in attempt.says


def test_rounded_logits_in_the_code_that_trains_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = Factor.into
    monkeypatch.setattr(Factor, "into", lambda self, out, states: out.copy_(shipped(self, out, states).bfloat16()))
    assert "the gradient to the states is" in found_in_the_code_that_trains(BUG)
