import torch

from sad.bugs.infinity_behind_a_mask import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "the gradient is not finite, the value is 3.778" in found.reproduced[0].says
    assert "the gradient of 1 rows is not finite" in found.reproduced[1].says
    assert "the gradient is not finite" in found.variants["rows selected afterwards"][0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """What is not finite becomes 0."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    return (log_p.exp() * (log_p - log_q)).nan_to_num(0.0, 0.0, 0.0).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "right is infinite" in found_in_the_code_that_trains(BUG)
