import torch

from sad.bugs.chunk_uses_the_first_labels import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "the sequences in another order: value" in found.reproduced[0].says
    assert "6 of 6 rows without a label get a gradient" in found.reproduced[1].says
    assert "columns of padding, right: value" in found.reproduced[2].says
    large = found.variants["in large chunks"]
    assert "4,100 rows over 3 tokens: value" in large[0].says
    assert large[1].holds


def planted(student_logits, teacher_log_probs, *more, shipped=kd.rows):
    """Every chunk of 128 rows is compared with the teacher's first."""
    rows = torch.arange(len(teacher_log_probs)) % 128
    return shipped(student_logits, teacher_log_probs[rows], *more)


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "rows", planted)
    assert "4,100 rows over 3 tokens: value" in found_in_the_code_that_trains(BUG)
