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


def pixelwise(*, moved):
    def loss(preds_s, preds_t):
        batch, classes, height, width = preds_s[0].shape
        rows = [(x[0].permute(0, 2, 3, 1) if moved else x[0]).reshape(-1, classes) for x in (preds_s, preds_t)]
        return F.kl_div(rows[0].log_softmax(-1), rows[1].softmax(-1), reduction="sum") / (batch * height * width)

    return loss


def channelwise(preds_s, preds_t):
    batch, classes, height, width = preds_s.shape
    student, teacher = (x.reshape(-1, height * width) for x in (preds_s, preds_t))
    return F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="sum") / (batch * classes)


def said_of_places(loss):
    events = list(session(Call(loss), "loss", only=("known_divergence",)))
    return next(event["line"] for event in events if "line" in event)


def test_logits_of_an_image_are_cut_into_rows_with_the_vocabulary_last():
    line = said_of_places(pixelwise(moved=False))
    assert line.standing is Standing.BROKEN
    assert "move the vocabulary's axis last" in line.says
    right = said_of_places(pixelwise(moved=True))
    assert (right.standing, right.says) == (Standing.HOLDS, "it is forward KL (divided by the rows that count)")


def test_a_distribution_over_the_places_of_an_image_is_no_fault():
    assert said_of_places(channelwise).standing is Standing.ALLOWED
