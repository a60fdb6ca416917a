from sad.bugs.fused_path_forgets_the_head import BUG
from sad.head.linear import Head
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert ": value " in found.reproduced[0].says
    (attempt,) = found.attempts["the soft-cap in the value"]
    assert "in the plain form" in attempt.says


def test_a_soft_cap_without_its_slope_in_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Head, "slope", lambda self, _: self.scale)
    assert "a soft-cap: the gradient" in found_in_the_code_that_trains(BUG)


def test_a_soft_cap_that_is_left_out_of_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Head, "finished", lambda self, products: products.mul_(self.scale))
    assert "a soft-cap: " in found_in_the_code_that_trains(BUG)
