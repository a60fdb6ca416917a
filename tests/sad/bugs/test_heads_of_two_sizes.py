import pytest

from sad.bugs.heads_of_two_sizes import BUG
from sad.head.vocabulary import Compared
from sad.shipped import vocabulary_loss
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.good
    assert found.reproduced[0].says.startswith("The size of tensor a (364) must match the size of tensor b (300)")


def test_the_advice_compares_padding_rows(found):
    (verdict,) = found.attempts["the teacher cut to the smaller head"]
    assert "heads of 316 and 316 rows" in verdict.says
    assert verdict.numbers["loss"] < 1e-6 < verdict.numbers["right"]


def test_a_head_that_is_not_cut_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(vocabulary_loss, "Compared", lambda target, at, _: Compared(target, at, 10**9))
    assert "The size of tensor" in found_in_the_code_that_trains(BUG)
