import torch

from sad.bugs.ignore_index_unused import BUG
from sad.terms import View
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "6 of 6 rows without a label get a gradient, 54% of its norm" in found.reproduced[0].says
    assert "columns of padding, right: value" in found.reproduced[1].says
    assert "the parts do not add up to the whole" in found.reproduced[2].says
    assert "6 of 6 rows" in found.variants["in the count alone"][0].says
    assert found.variants["in the sum alone"][0].holds
    assert "columns of padding, right" in found.variants["in the sum alone"][1].says


def planted(view):
    """As many rows as there are labels, from the beginning."""
    return torch.arange(len(view.batch.boundaries))


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(View, "compared_rows", planted)
    assert "rows without a label get a gradient" in found_in_the_code_that_trains(BUG)
