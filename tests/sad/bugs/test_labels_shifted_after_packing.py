from dataclasses import replace

import torch

from sad import data
from sad.batch import Targets
from sad.bugs.labels_shifted_after_packing import BUG
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    alignment, composition = found.reproduced
    assert alignment.says == "1 pair from the end of a text to the first token of another (in training)"
    assert not composition.holds
    assert composition.numbers["off"] > 0.01


def test_a_label_across_rows_is_found(monkeypatch, found_in_the_code_that_trains):
    """The last token of each row predicts the first of the next."""
    shipped = data.collate

    def collate(some, readers):
        batch = shipped(some, readers)
        at, rows = batch.targets, torch.arange(len(some) - 1)
        across = (rows, torch.tensor([len(one.student) - 1 for one in some[:-1]], dtype=torch.int64))
        first = torch.tensor([int(one.student[0]) for one in some[1:]], dtype=torch.int64)
        joined = Targets(*map(torch.cat, ((at.row, across[0]), (at.position, across[1]), (at.token, first))))
        return replace(batch, targets=joined)

    monkeypatch.setattr(data, "collate", collate)
    assert "from the end of a text to the first token of another" in found_in_the_code_that_trains(BUG)
