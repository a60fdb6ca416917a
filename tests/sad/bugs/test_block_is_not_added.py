import torch

from sad.bugs.block_is_not_added import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "2 rows over 70,001 tokens: value 0.204, right 4.037 (x 0.0505)" in found.reproduced[0].says
    assert found.reproduced[1].holds
    assert "unrelated logits: gradient 21 x right" in found.variants["the mean of the loss alone"][1].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """The last block alone."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    last = slice((log_q.shape[-1] - 1) // 16_384 * 16_384, None)
    log_q, log_p = log_q[:, last], log_p[:, last]
    return torch.where(log_p.exp() == 0, 0.0, log_p.exp() * (log_p - log_q)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "2 rows over 70,001 tokens: value" in found_in_the_code_that_trains(BUG)
