import torch

from sad.bugs.tail_ends_too_early import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "a teacher undecided between two tokens: value 21.83, right 29.11 (x 0.75)" in found.reproduced[0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """The least likely tokens are left out."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    order = log_p.argsort(dim=-1, descending=True, stable=True)
    p = log_p.exp().gather(-1, order)
    kept = (p.cumsum(-1) - p < 0.5).scatter(-1, order, (p.cumsum(-1) - p) < 0.9)
    return torch.where(kept, log_p.exp() * (log_p - log_q), 0.0).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "unrelated logits at T = 1: value" in found_in_the_code_that_trains(BUG)
