import torch

from sad.batch import Tokens
from sad.bugs.padding_on_the_left_is_read import BUG
from sad.data import batches
from sad.models import forward
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    by_id = found.variants["padding told by its id"]
    for (verdict,) in (judged for judged in found.faulty.values() if judged is not by_id):
        assert "together" in verdict.says
        assert verdict.numbers["off"] > 0.01
    assert "of 6.056 where the end mark is the padding mark" in by_id[0].says
    assert "GPT-2" in found.variants["positions counted from the padding"][0].says


def test_padding_on_the_left_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    """Its positions are counted from the left, and it hides padding on the right only."""

    def to_the_left(rows, pad):
        longest = max(len(row) for (row,) in rows)
        ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for (row,) in rows])
        return Tokens(ids, torch.ones_like(ids))

    monkeypatch.setattr(batches, "_laid", to_the_left)
    found_in_the_code_that_trains(BUG)


def test_a_mask_that_is_never_given_does_no_harm_on_the_right(monkeypatch, judged):
    """A causal model does not see what comes after: no false alarm."""
    shipped = forward.run
    monkeypatch.setattr(
        forward,
        "run",
        lambda model, tokens: shipped(model, Tokens(tokens.input_ids, torch.ones_like(tokens.input_ids))),
    )
    found = judged(BUG)
    assert found.absent
