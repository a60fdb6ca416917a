from __future__ import annotations

from pathlib import Path

import pytest
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.claims import claims, named
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.target import load

HERE = Path(__file__).parents[1]


def of(loss):
    return claims(found(discover(Call(loss), 0), 0))


def test_a_name_that_says_nothing_claims_nothing():
    assert of(load(f"{HERE / 'right_losses.py'}:plain")) is None


@pytest.mark.parametrize(("name", "word"), [("swapped", "neither its name"), ("reverse_kl", "says reverse")])
def test_a_direction_that_is_not_meant(name, word):
    assert word in of(load(f"{HERE / 'faulty_losses.py'}:{name}"))[0]


def test_docs_that_own_up_to_the_reverse_are_believed():
    def distil(student_logits, teacher_logits):
        """Mode-seeking: the student's own samples."""
        return F.kl_div(teacher_logits.log_softmax(-1), student_logits.softmax(-1), reduction="sum")

    assert of(distil) == []


def test_the_ends_of_beta_are_held_against_the_docs():
    told = of(load(f"{HERE / 'faulty_losses.py'}:EndsExchanged"))
    assert any("forward KL at 0" in one for one in told)
    assert of(load(f"{HERE / 'right_losses.py'}:Module")) == []


def test_an_exchanged_beta_is_a_fault_where_gkd_is_named():
    def loss(student_logits, teacher_logits, beta=0.5):
        """Generalized JSD (GKD)."""
        log_q, log_p = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)
        m = ((1 - beta) * log_p.exp() + beta * log_q.exp()).log()
        first, second = (F.kl_div(m, x, reduction="sum", log_target=True) for x in (log_p, log_q))
        return (1 - beta) * first + beta * second

    assert "beta weighs the student" in of(loss)[0]


def test_the_name_of_a_class_and_of_a_function():
    assert named(Call(load(f"{HERE / 'right_losses.py'}:Module"))) == "Module"
    assert named(Call(load(f"{HERE / 'right_losses.py'}:plain"))) == "plain"


def test_a_reduction_that_torchs_own_constructor_takes_is_no_promise():
    class Unreduced(nn.KLDivLoss):
        def forward(self, output, target):
            return -(target.softmax(-1) * output.log_softmax(-1)).sum(-1)

    class Promised(Unreduced):
        def __init__(self, reduction="mean"):
            super().__init__()
            self.asked = reduction

    assert not of(Unreduced)
    assert "it is a sum over all rows" in of(Promised)[0]
