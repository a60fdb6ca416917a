import math

import pytest
import torch
from accelerate import Accelerator

from sad.bugs.norm_of_one_piece import BUG, buggy, clipped
from sad.invariants.pieces_make_the_whole import PIECES, WHOLE
from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.train.processes import sharded
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert found.reproduced[0].says == "step 1: gradient norm 0.2643 in pieces, 0.3462 whole"
    assert "step 1: gradient norm" in found.variants["the clip too"][0].says
    assert "4120 + 4120 weights of 8240" in found.fixed[0].says


def test_the_squares_of_the_pieces_make_the_whole():
    (first, *_), (whole, *_) = buggy().run(PIECES).log, FsdpLoop().run(WHOLE).log
    assert first.grad_norm < whole.grad_norm


def test_a_piece_that_clips_makes_the_gradient_longer_and_turns_it():
    (cut, *_), (whole, *_) = clipped().run(PIECES).taken, FsdpLoop().run(WHOLE).taken
    # each piece is as long as the whole should be
    assert float(cut.gradient.norm() / whole.gradient.norm()) == pytest.approx(math.sqrt(2), rel=1e-3)
    assert float(torch.cosine_similarity(cut.gradient, whole.gradient, dim=0)) < 0.999


def test_a_norm_that_is_not_added_over_the_pieces_is_found(monkeypatch, found_in_the_code_that_trains):
    """The size of an update, which the record has."""
    monkeypatch.setattr(sharded, "norm", lambda of: torch.nn.utils.get_total_norm(sharded.local(of)))
    assert "size of the update" in found_in_the_code_that_trains(BUG)


def test_a_clip_of_one_piece_is_found(monkeypatch, found_in_the_code_that_trains):
    def clip(_accelerator, parameters, limit, **_):
        pieces = sharded.local([p.grad for p in parameters if p.grad is not None])
        norm = torch.nn.utils.get_total_norm(pieces)
        for piece in pieces:
            piece.mul_((limit / (norm + 1e-6)).clamp(max=1.0))
        return norm

    monkeypatch.setattr(Accelerator, "clip_grad_norm_", clip)
    assert "step 1: gradient norm" in found_in_the_code_that_trains(BUG)
