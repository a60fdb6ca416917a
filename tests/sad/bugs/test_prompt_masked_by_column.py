from dataclasses import replace

import numpy as np

from sad.bugs.prompt_masked_by_column import BUG
from sad.data import batches
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert "2 pairs of a prompt" in found.reproduced[0].says
    assert "9 of 20 targets are missing" in found.variants["a mask of the unpadded text"][0].says


def test_labels_that_begin_elsewhere_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = batches._targets

    def earlier(some, positions, row, start):
        return shipped(some, [np.arange(max(0, one[0] - 1), one[-1] + 1) for one in positions], row, start)

    monkeypatch.setattr(batches, "_targets", earlier)
    assert "of a prompt" in found_in_the_code_that_trains(BUG)


def test_labels_that_begin_late_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = batches.collate

    def collate(some, readers):
        batch = shipped(some, readers)
        late = batch.targets.position > 2
        at = batch.targets
        return replace(batch, targets=type(at)(at.row[late], at.position[late], at.token[late]))

    monkeypatch.setattr(batches, "collate", collate)
    assert "targets are missing" in found_in_the_code_that_trains(BUG)
