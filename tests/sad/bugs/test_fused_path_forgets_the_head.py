from sad.bugs.fused_path_forgets_the_head import BUG
from sad.head.linear import Head
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("a bias: value")
    (attempt,) = found.attempts["the soft-cap in the value"]
    assert attempt.says.startswith("a soft-cap: the gradient to the states")


def test_a_soft_cap_without_its_slope_in_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Head, "slope", lambda self, _: self.scale)
    assert "a soft-cap: the gradient" in found_in_the_code_that_trains(BUG)


def test_a_soft_cap_that_is_left_out_of_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Head, "finished", lambda self, products: products.mul_(self.scale))
    assert "a soft-cap: " in found_in_the_code_that_trains(BUG)
