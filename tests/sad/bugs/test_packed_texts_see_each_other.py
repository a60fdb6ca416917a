from dataclasses import replace

import torch

from sad import forward
from sad.bugs.packed_texts_see_each_other import BUG
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.numbers["off"] > 0.01


def test_rows_that_see_each_other_are_found(monkeypatch, found_in_the_code_that_trains):
    """The states of a row take in a little of the row above."""
    shipped = forward.run

    def mixed(model, tokens):
        passed = shipped(model, tokens)
        return replace(passed, hidden=passed.hidden + 0.05 * torch.roll(passed.hidden, 1, dims=0))

    monkeypatch.setattr(forward, "run", mixed)
    assert "together" in found_in_the_code_that_trains(BUG)
