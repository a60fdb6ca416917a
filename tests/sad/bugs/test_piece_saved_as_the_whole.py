import torch

from sad.bugs.piece_saved_as_the_whole import BUG
from sad.train.processes import sharded
from sad.train.saving import checkpoint
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert found.reproduced[0].says == "weight is saved as [4, 7], whole it is [7, 7]"
    (rows,) = found.variants.values()
    assert "% away from the whole one" in rows[0].says


def piece(tensor, shipped=sharded.whole):
    """Of a weight what is here, and nothing of the rest."""
    full = shipped(tensor)
    if not full.dim():
        # the norm is none of them
        return full
    (here,) = sharded.local([tensor.detach()])
    rows = torch.zeros_like(full)
    rows[: len(here)] = here
    return rows


def test_a_piece_that_is_not_gathered_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(sharded, "whole", piece)
    assert "is saved" in found_in_the_code_that_trains(BUG)


def test_moments_of_one_piece_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = checkpoint._tensors

    def tensors(optimizer, keep):
        with monkeypatch.context() as patch:
            patch.setattr(sharded, "whole", piece)
            return shipped(optimizer, keep)

    monkeypatch.setattr(checkpoint, "_tensors", tensors)
    assert found_in_the_code_that_trains(BUG).startswith("moment ")


def test_a_shape_that_is_another_is_found(monkeypatch, found_in_the_code_that_trains):
    def here(tensor, shipped=sharded.whole):
        return sharded.local([tensor.detach()])[0] if tensor.dim() else shipped(tensor)

    monkeypatch.setattr(sharded, "whole", here)
    found_in_the_code_that_trains(BUG)
