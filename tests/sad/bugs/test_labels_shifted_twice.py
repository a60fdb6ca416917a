from dataclasses import replace

import pytest

from sad.bugs.labels_shifted_twice import BUG
from sad.data import batches
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.says == "16 tokens are predicted from two places before them (in training)"


@pytest.mark.parametrize("by", [-1, 1])
def test_a_shift_in_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains, by):
    shipped = batches.collate

    def collate(some, readers):
        batch = shipped(some, readers)
        position = (batch.targets.position + by).clamp(0, batch.student.input_ids.shape[1] - 1)
        return replace(batch, targets=replace(batch.targets, position=position))

    monkeypatch.setattr(batches, "collate", collate)
    found_in_the_code_that_trains(BUG)
