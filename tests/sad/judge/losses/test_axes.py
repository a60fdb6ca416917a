"""Distributions along another axis than the vocabulary's are named."""

from __future__ import annotations

import pytest
import torch.nn.functional as F

from sad.judge.losses.axes import along
from sad.judge.losses.call import Call
from sad.judge.losses.sample import given, sample
from sad.judge.losses.session import session
from sad.verdict import Standing


def of(dim):
    def loss(student_logits, teacher_logits):
        return F.kl_div(student_logits.log_softmax(dim), teacher_logits.softmax(dim), reduction="sum")

    return loss


@pytest.mark.parametrize(("dim", "word"), [(1, "length"), (0, "batch")])
def test_softmax_along_another_axis_is_found(dim, word):
    call = Call(of(dim))
    assert f"forward KL along the {word}" in along(sample(call, given(0)), call)


def test_rows_that_are_one_distribution_are_found():
    call = Call(of(0)).formed(rank=2)
    assert "rows of [rows, vocab]" in along(sample(call, given(0)), call)


def test_the_last_axis_is_right():
    call = Call(lambda student_logits, teacher_logits: (student_logits - teacher_logits).abs().sum())
    assert along(sample(call, given(0)), call) == ""


def test_it_is_broken_as_a_whole():
    events = list(session(Call(of(0)), "loss", only=("known_divergence",)))
    line = next(event["line"] for event in events if "line" in event)
    assert line.standing is Standing.BROKEN
    assert "softmax must go along the last axis" in line.says
