from sad.bugs.evaluation_without_a_loss import BUG
from sad.losses import lm
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert found.reproduced[0].says == "the loss is None in evaluation"
    assert found.reproduced[1].says == "the loss is None (in evaluation)"


def test_a_loss_that_is_missing_in_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(lm, "rows", lambda *_: None)
    assert "NoneType" in found_in_the_code_that_trains(BUG)
