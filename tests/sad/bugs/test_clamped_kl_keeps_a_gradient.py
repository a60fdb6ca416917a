import torch

from sad.bugs.clamped_kl_keeps_a_gradient import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "unrelated logits: gradient off by 3.6 of its norm" in found.reproduced[0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """Cut at 1, under a weight that has a gradient."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    each = torch.where(log_p.exp() == 0, 0.0, log_p.exp() * (log_p - log_q)).sum(-1)
    weight = (log_q.amax(-1) - log_q.amax(-1).detach()).exp()
    return (weight * each.clamp(max=1.0)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "unrelated logits at T = 1: value" in found_in_the_code_that_trains(BUG)
