from dataclasses import replace

import torch

from sad.batch import Targets
from sad.bugs.labels_shifted_after_packing import BUG
from sad.data import batches
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    alignment, composition = found.reproduced
    assert alignment.says == "1 pair from the end of a text to the first token of another (in training)"
    assert not composition.holds
    assert composition.numbers["off"] > 0.01


def test_a_label_across_texts_is_found(monkeypatch, found_in_the_code_that_trains):
    """The last token of each text predicts the first of the next one in its row."""
    shipped = batches.collate_rows

    def collate_rows(rows, readers):
        batch = shipped(rows, readers)
        at, ids, text = batch.targets, batch.student.input_ids, batch.student.text
        if text is None:
            return batch
        row, position = ((text[:, :-1] != text[:, 1:]) & (text[:, 1:] > 0)).nonzero().T
        across = (row, position, ids[row, position + 1])
        joined = Targets(*(torch.cat(pair) for pair in zip((at.row, at.position, at.token), across, strict=True)))
        return replace(batch, targets=joined)

    monkeypatch.setattr(batches, "collate_rows", collate_rows)
    assert "from the end of a text to the first token of another" in found_in_the_code_that_trains(BUG)
