# ruff: noqa: ARG002
"""Losses of torch that a trainer keeps, read from its constructor."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from sad.judge.call import Call
from sad.judge.constructor import kept_losses
from sad.judge.discover import discover
from sad.judge.found import found


class Trainer:
    def __init__(self, size, *args):
        super().__init__()
        self.kl = nn.KLDivLoss(reduction="batchmean")
        self.weighted = nn.CrossEntropyLoss(ignore_index=size)
        self.layer = nn.Linear(2, 2)

    def kd_loss(self, student_logits, teacher_logits):
        return self.kl(F.log_softmax(student_logits, -1), F.softmax(teacher_logits, -1))


def test_what_the_constructor_makes_of_constants_is_there():
    assert set(kept_losses(Trainer)) == {"kl"}
    assert kept_losses(Trainer)["kl"].reduction == "batchmean"
    assert kept_losses(type("Bare", (), {})) == {}


def test_a_method_finds_it():
    assert found(discover(Call(Trainer.kd_loss, Trainer), 0), 0).name == "forward KL"
