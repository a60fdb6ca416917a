from dataclasses import replace

import torch

from sad.batch import Boundaries
from sad.bugs.packed_texts_see_each_other import BUG
from sad.data import batches
from sad.models import forward
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.numbers["off"] > 0.01


def causal(text):
    return torch.ones(text.shape[1], text.shape[1], dtype=torch.bool).tril().expand(len(text), 1, -1, -1)


def test_texts_of_a_row_that_see_each_other_are_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(forward, "block_mask", causal)
    assert "together" in found_in_the_code_that_trains(BUG)


def test_positions_that_go_on_are_found(monkeypatch, found_in_the_code_that_trains):
    """By the model that knows them by number."""
    shipped = batches._laid

    def through(rows, pad):
        laid = shipped(rows, pad)
        return replace(laid, position_ids=torch.arange(laid.input_ids.shape[1]).expand_as(laid.input_ids))

    monkeypatch.setattr(batches, "_laid", through)
    assert "GPT-2" in found_in_the_code_that_trains(BUG)


def test_negatives_from_another_text_of_the_row_are_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Boundaries, "texts", property(lambda at: at.row))
    assert "together" in found_in_the_code_that_trains(BUG)


def test_places_that_forget_what_stands_before_them_are_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(batches, "_starts", lambda rows: [0 for of in rows for _ in of])
    assert found_in_the_code_that_trains(BUG)
