"""What is asked before the properties; `test_session.py` has the rest of it on every loss."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from sad.case import Standing
from sad.judge import checks
from sad.judge.call import Call
from sad.judge.discover import discover
from sad.judge.found import found
from sad.judge.target import load

HERE = Path(__file__).parent


def of(loss):
    return found(discover(Call(loss), 0), 0)


def kl(student_logits, teacher_logits):
    return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)


def test_a_loss_that_is_another_every_time():
    def loss(student_logits, teacher_logits):
        return kl(student_logits, teacher_logits).mean() * (1 + torch.rand(()))

    verdict = checks.can_be_called(of(loss))
    assert verdict.standing is Standing.BROKEN
    assert "twice gives" in verdict.says


def test_what_pulls_away_from_the_teacher_and_what_is_lower_elsewhere():
    def pulls(student_logits, teacher_logits):
        return (kl(student_logits, teacher_logits) + 0.1 * student_logits[..., 0] ** 2).mean()

    def lower(student_logits, teacher_logits):
        return -kl(student_logits, teacher_logits).pow(2).mean()

    assert "pulls the student away" in checks.known_divergence(of(pulls)).says
    assert "lower at other logits" in checks.known_divergence(of(lower)).says


def test_labels_that_may_be_left_out():
    def other_divisor(student_logits, teacher_logits, labels=None):
        rows = kl(student_logits, teacher_logits)
        return rows.sum() / len(rows) if labels is None else rows[labels != -100].mean()

    def other_thing(student_logits, teacher_logits, labels=None):
        rows = kl(student_logits, teacher_logits)
        return 0.3 * rows.mean() if labels is None else rows[labels != -100].mean()

    assert checks.without_labels(of(load(f"{HERE / 'right_losses.py'}:plain"))).standing is Standing.HOLDS
    assert checks.without_labels(of(other_divisor)).standing is Standing.ALLOWED
    assert checks.without_labels(of(other_thing)).standing is Standing.BROKEN


def test_the_smallest_call_has_the_numbers():
    told = checks.smallest(of(load(f"{HERE / 'faulty_losses.py'}:reverse_kl")))
    assert told.startswith("student [0, 1], teacher [0, 3], one row")
    assert "KL(teacher || student) is" in told
