import torch.nn.functional as F

from sad.batch import Sum
from sad.bugs.mean_over_no_labels import BUG
from sad.terms import TERMS
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "no label at all, float32: the loss is NaN, over nothing" in found.reproduced[0].says
    assert found.reproduced[1].holds
    assert "1,025 rows over 5 tokens: value nan" in found.variants["a mean of each chunk"][1].says


def planted(view):
    """The mean, times the number of its rows."""
    logits, token = view.head.logits(view.target_states()), view.batch.targets.token
    return Sum(F.cross_entropy(logits, token) * len(token), len(token))


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setitem(TERMS, "lm", planted)
    assert "no label at all, nor a count, float32: the loss is NaN, over nothing" in found_in_the_code_that_trains(BUG)
