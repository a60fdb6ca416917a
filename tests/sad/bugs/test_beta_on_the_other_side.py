import torch

from sad.bugs.beta_on_the_other_side import BUG
from sad.losses import kd
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "beta = 0.1: value 1.526, right 0.2224 (x 6.86)" in found.reproduced[0].says
    assert "beta: value 0.9269, right 0.3289" in found.reproduced[1].says
    assert "beta = 0: value" in found.attempts["the weights exchanged, without the limits"][0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """The limit of the other side."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    return torch.where(log_q.exp() == 0, 0.0, log_q.exp() * (log_q - log_p)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "it is reverse KL, sum over a given count" in found_in_the_code_that_trains(BUG)
