import torch

from sad.bugs.zero_times_infinity import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "a token ruled out by the teacher, float32: the loss is NaN" in found.reproduced[0].says
    assert "a token ruled out by both, float32: the loss is NaN" in found.attempts["F.kl_div"][0].says
    assert (
        "logits 60 times as large, float32: the loss is NaN" in found.variants["the logarithm of probabilities"][0].says
    )


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """0 x infinity."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    return (log_p.exp() * (log_p - log_q)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "a token ruled out by the teacher, float32: the loss is NaN" in found_in_the_code_that_trains(BUG)
