# ruff: noqa: ARG005, N803
from __future__ import annotations

import pytest
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.families import forward_kl
from sad.judge.losses.temperature import CHANGES, beside, softened
from sad.subjects.divergence import Squared


def told(value):
    def loss(student_logits, teacher_logits, temperature=1.0):
        return value(student_logits, teacher_logits, temperature).mean()

    shape = discover(Call(loss), 0)
    return softened(shape.call, shape.fit, 0)


def test_where_the_square_is():
    assert told(lambda s, t, T: forward_kl(s / T, t / T)).squared is Squared.NOWHERE
    assert told(lambda s, t, T: T**2 * forward_kl(s / T, t / T)).squared is Squared.BOTH

    def on_gradient(s, t, T):
        rows = forward_kl(s / T, t / T)
        return T**2 * rows - (T**2 - 1) * rows.detach()

    assert told(on_gradient).squared is Squared.GRADIENT


def test_weights_of_rows_may_be_made_of_softened_probabilities():
    def weighed(s, t, T):
        p = (t / T).softmax(-1)
        return T**2 * forward_kl(s / T, t / T) * p.square().sum(-1)

    one = told(weighed)
    assert (one.faults, one.notes) == ((), (CHANGES,))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (lambda s, t, T: forward_kl(s, t), "not used"),
        (lambda s, t, T: forward_kl(s / T, t), "student alone"),
        (lambda s, t, T: forward_kl(s * T, t * T), "multiplied"),
        (lambda s, t, T: forward_kl(s / T**2, t / T**2), "twice"),
        (lambda s, t, T: T * forward_kl(s / T, t / T), "power 1"),
        (lambda s, t, T: forward_kl(s / T, t * T), "no longer forward KL"),
    ],
)
def test_what_else_it_may_do_is_a_fault(value, word):
    assert word in told(value).faults[0]


@pytest.mark.parametrize(
    ("heat", "times", "word"),
    [
        (lambda T: 1, lambda T: 1, ""),
        (lambda T: T, lambda T: 1, "divided by the temperature"),
        (lambda T: 1, lambda T: T**2, "multiplied by T squared"),
    ],
)
def test_a_label_loss_has_no_temperature(heat, times, word):
    def loss(student_logits, teacher_logits, labels, temperature=2.0):
        counts = labels != -100
        kd = temperature**2 * forward_kl(student_logits / temperature, teacher_logits / temperature)[counts].mean()
        hard = F.cross_entropy((student_logits / heat(temperature))[counts], labels[counts])
        return kd + times(temperature) * hard

    shape = discover(Call(loss), 0)
    faults = beside(shape.call, shape.fit, 0)
    assert bool(faults) is bool(word)
    assert all(word in fault for fault in faults)
