import torch

from sad.bugs.topk_union_has_duplicates import BUG
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "unrelated logits: value 3.185, right 3.372 (x 0.945)" in found.reproduced[0].says
    assert found.reproduced[1].holds


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """Over two top-k lists."""
    log_q, log_p = torch.log_softmax(student_logits.float() / temperature, dim=-1), teacher_log_probs.float()
    tops = [z.topk(min(4, z.shape[-1]), dim=-1).indices for z in (log_q, log_p)]
    chosen = torch.cat(tops, dim=-1)
    log_q, log_p = (torch.log_softmax(z.gather(-1, chosen), dim=-1) for z in (log_q, log_p))
    return torch.where(log_p.exp() == 0, 0.0, log_p.exp() * (log_p - log_q)).sum()


def test_the_fault_is_found_in_the_code_that_trains(plant, found_in_the_code_that_trains):
    plant(kd, planted)
    assert "unrelated logits at T = 1: value" in found_in_the_code_that_trains(BUG)
