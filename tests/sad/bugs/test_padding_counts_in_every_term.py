from dataclasses import replace

import pytest
import torch

from sad import terms
from sad.batch import KD, LAYERWISE, LM, Batch, Sum, Targets
from sad.bugs.padding_counts_in_every_term import BUG
from sad.data import batches
from sad.verify.battery import run


def test_verify_catches_it_in_each_term_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert len(found.variants) == 4
    for (verdict,) in found.faulty.values():
        assert "together" in verdict.says
        assert verdict.numbers["off"] > 0.005


def test_padding_as_targets_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = batches.collate

    def collate(some, readers):
        batch = shipped(some, readers)
        row, position = torch.ones_like(batch.student.input_ids[:, 1:]).nonzero().unbind(1)
        first = batch.boundaries.target
        targets = Targets(row, position, batch.student.input_ids[row, position + 1])
        length = batch.student.input_ids.shape[1] - 1
        at = replace(batch.boundaries, target=batch.boundaries.row * length + batch.boundaries.student)
        assert len(first) == len(at.target)
        return replace(batch, targets=targets, boundaries=at)

    monkeypatch.setattr(batches, "collate", collate)
    found_in_the_code_that_trains(BUG)


@pytest.mark.parametrize("name", [KD, LM, LAYERWISE])
def test_padding_in_the_units_of_a_term_is_found(monkeypatch, found_in_the_code_that_trains, name):
    shipped = Batch.counts
    monkeypatch.setattr(
        Batch, "counts", lambda self: {**shipped(self), name: self.student.input_ids.numel()}, raising=True
    )
    found_in_the_code_that_trains(BUG)


@pytest.mark.parametrize("name", [KD, LM, LAYERWISE])
def test_padding_in_the_sum_of_a_term_is_found(monkeypatch, found_in_the_code_that_trains, name):
    shipped = terms.TERMS[name]

    def with_padding(view):
        right = shipped(view)
        beyond = view.student.hidden[view.batch.student.attention_mask == 0]
        return Sum(right.total + 0.1 * beyond.float().square().sum(), right.units)

    monkeypatch.setitem(terms.TERMS, name, with_padding)
    found_in_the_code_that_trains(BUG)
