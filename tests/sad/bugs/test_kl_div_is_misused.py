import torch

from sad.bugs.kl_div_is_misused import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "unrelated logits: value -4.063, right 3.783" in found.reproduced[0].says
    assert "below what equal logits give" in found.reproduced[1].says
    assert "value nan" in found.variants["a logarithm as target"][0].says
    assert "it is reverse KL, mean over the rows" in found.variants["student and teacher exchanged"][0].says
    as_target = found.variants["the student as a detached target"]
    assert "the teacher gets the gradient, and the student none" in as_target[2].says
    assert "(x 0.00312)" in found.variants["the mean over elements"][0].says
    assert "it is the sum over the number of sequences" in found.variants["batchmean of three axes"][0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """Probabilities as input."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    return torch.nn.functional.kl_div(log_q.exp(), log_p.exp(), reduction="sum")


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "unrelated logits at T = 1: value -" in found_in_the_code_that_trains(BUG)
