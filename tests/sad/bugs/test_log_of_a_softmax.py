import torch

from sad.bugs.log_of_a_softmax import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "a student near its teacher, bfloat16: value" in found.reproduced[0].says
    assert "the loss is infinite" in found.reproduced[1].says
    assert "a student near its teacher, float16: value" in found.variants["log_softmax in half precision"][0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """The student's logits stay in their dtype."""
    log_q = torch.softmax(student_logits / temperature, dim=-1).log()
    p = teacher_log_probs.exp()
    return torch.where(p == 0, 0.0, p * (teacher_log_probs - log_q)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "the loss is infinite, right is 61.37" in found_in_the_code_that_trains(BUG)
