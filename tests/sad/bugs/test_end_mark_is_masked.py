from dataclasses import replace

from sad.align import example
from sad.batch import Targets
from sad.bugs.end_mark_is_masked import BUG
from sad.data import batches
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.says == "0 of 5 end marks are targets (in training, padded with the end mark)"
    assert "20 pairs, 5 of them end marks" in found.fixed[0].says


def without(batch, token):
    at = batch.targets
    keep = at.token != token
    return replace(batch, targets=Targets(at.row[keep], at.position[keep], at.token[keep]))


def test_labels_masked_by_id_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = batches.collate
    monkeypatch.setattr(batches, "collate", lambda some, readers: without(shipped(some, readers), readers.student.pad))
    assert "0 of 5 end marks are targets" in found_in_the_code_that_trains(BUG)


def test_a_text_that_is_not_closed_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = example.assemble
    monkeypatch.setattr(example, "assemble", lambda window, *more: shipped(replace(window, closes=False), *more))
    assert "1 of 5 end marks are targets" in found_in_the_code_that_trains(BUG)
