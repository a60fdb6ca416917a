import torch

from sad.bugs.one_factor_for_all_rows import BUG
from sad.head.vocabulary import _Pass
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "6 of 6 rows without a label get a gradient, 53% of its norm" in found.reproduced[0].says
    assert "gradient off by" in found.reproduced[1].says
    assert "no gradient, else is one of norm" in found.reproduced[2].says
    assert "the gradient says" in found.reproduced[3].says
    assert "the loss times 3: gradient 0.3333 x else" in found.variants["no factor"][2].says


def planted(ctx, *gradients, shipped=_Pass.backward):
    """Without the factor that is sent back."""
    return shipped(ctx, *map(torch.ones_like, gradients))


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(_Pass, "backward", staticmethod(planted))
    assert "gradient 15 x right" in found_in_the_code_that_trains(BUG)
