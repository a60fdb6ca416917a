from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.fused import fused
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parents[1]


def test_gradients_of_states_and_weight_are_those_of_the_logits():
    shape = discover(Call(load(f"{HERE / 'right_losses.py'}:Fused")), 0)
    assert fused(shape.call, shape.sample.given).standing is Standing.HOLDS


def test_a_weight_that_gets_half_its_gradient():
    def loss(student_input, student_weight, teacher_input, teacher_weight):
        # the weight's gradient is lost in the second chunk of rows
        student = torch.cat([student_input[:5] @ student_weight.T, student_input[5:] @ student_weight.T.detach()])
        return F.kl_div(student.log_softmax(-1), (teacher_input @ teacher_weight.T).softmax(-1), reduction="batchmean")

    shape = discover(Call(loss), 0)
    verdict = fused(shape.call, shape.sample.given)
    assert verdict.standing is Standing.BROKEN
    assert "gradient of the weight" in verdict.says
