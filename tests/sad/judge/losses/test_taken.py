# ruff: noqa: ARG001
"""Which arguments of a divergence a loss is asked to use."""

from __future__ import annotations

import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.taken import ignores, taken
from sad.judge.losses.temperature import Softened
from sad.subjects.divergence import Squared, Takes


def masked(student_logits, teacher_logits, labels, temperature=2.0):
    some = labels != -100
    rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
    return (rows * some).sum() / some.sum().clamp(min=1)


def whole(student_logits, teacher_logits):
    return F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="batchmean")


def test_what_is_left_out_and_what_has_no_effect():
    shape = discover(Call(masked), 0)
    warm = Softened(Squared.NOWHERE)
    found, leaves_out = taken(shape.call, shape.fit, with_labels=True, rows="own", warm=warm, count=True)
    assert leaves_out
    assert found == {Takes.LABELS, Takes.TEMPERATURE, Takes.COUNT}
    assert ignores(shape.call)


def test_nothing_is_taken_of_what_is_not_there():
    shape = discover(Call(whole), 0)
    found, leaves_out = taken(
        shape.call, shape.fit, with_labels=False, rows="all", warm=Softened(Squared.NOWHERE), count=False
    )
    assert found == frozenset()
    assert not leaves_out
    assert not ignores(shape.call)
