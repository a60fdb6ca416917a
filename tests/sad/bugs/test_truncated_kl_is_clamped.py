import torch

from sad.bugs.truncated_kl_is_clamped import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "rows get no gradient, at a loss of" in found.reproduced[0].says
    assert "unrelated logits: value 1.944, right 1.676 (x 1.16)" in found.reproduced[1].says
    assert "below what equal logits give" in found.variants["not clamped"][0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """Over the top, cut at 0."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    top = log_p.topk(min(4, log_p.shape[-1]), dim=-1).indices
    log_q, log_p = log_q.gather(-1, top), log_p.gather(-1, top)
    return (log_p.exp() * (log_p - log_q)).sum(-1).clamp_min(0.0).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "rows get no gradient" in found_in_the_code_that_trains(BUG)
