import torch

from sad.bugs.logits_are_clamped import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "logits 60 times as large: value 29.6, right 203.5 (x 0.145)" in found.reproduced[0].says
    assert "logits 60 times as large: value 23.58, right 184.1" in found.variants["before the cross-entropy"][0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """With the student's logits cut."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    log_q = torch.log_softmax(student_logits.float().clamp(-30, 30) / temperature, dim=-1)
    return torch.where(log_p.exp() == 0, 0.0, log_p.exp() * (log_p - log_q)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "logits 60 times as large: value" in found_in_the_code_that_trains(BUG)
