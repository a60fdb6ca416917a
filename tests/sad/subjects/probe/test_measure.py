import math

import pytest
import torch

from sad.subjects.divergence import Contract, Divergence, Given, Takes
from sad.subjects.probe.measure import measure

CALL = Given(torch.full((1, 2, 3), 2.0), torch.ones(1, 2, 3), torch.zeros(1, 2, dtype=torch.int64), temperature=3.0)


def of(loss, *takes):
    return Divergence(Contract(takes=frozenset(takes)), loss)


def test_value_and_both_gradients():
    found = measure(of(lambda call: (call.student_logits**2 * call.teacher_logits).sum()), CALL, ask_teacher=True)
    assert (found.value, found.attached, found.raised, found.finite) == (24.0, True, "", True)
    assert found.gradient.dtype == torch.float64
    assert found.gradient.tolist() == [[[4.0] * 3] * 2]
    assert found.teacher.tolist() == [[[4.0] * 3] * 2]
    assert CALL.student_logits.grad is None


def test_the_loss_is_multiplied_for_the_gradient_alone():
    found = measure(of(lambda call: call.student_logits.sum()), CALL, times=5.0)
    assert (found.value, float(found.gradient[0, 0, 0]), found.teacher) == (12.0, 5.0, None)


def test_a_teacher_asks_for_nothing_by_itself():
    assert measure(of(lambda call: (call.student_logits * call.teacher_logits).sum()), CALL).teacher is None


def test_only_what_is_taken_is_given():
    seen = []

    def loss(call):
        seen.append((call.labels is None, call.temperature))
        return call.student_logits.sum()

    measure(of(loss), CALL)
    measure(of(loss, *Takes), CALL)
    assert seen == [(True, 1.0), (False, 3.0)]


def test_a_loss_without_a_gradient():
    found = measure(of(lambda call: call.student_logits.detach().sum()), CALL)
    assert (found.value, found.attached, found.gradient.abs().sum()) == (12.0, False, 0.0)


@pytest.mark.parametrize("loss", [lambda _: 1 / 0, lambda call: call.student_logits * 2, lambda _: None])
def test_what_is_raised_is_written_down(loss):
    found = measure(of(loss), CALL)
    assert found.raised
    assert math.isnan(found.value)
    assert not found.finite


def test_infinity_is_not_finite():
    assert not measure(of(lambda call: call.student_logits.sum() / 0), CALL).finite


def test_what_is_overwritten_is_written_down():
    def loss(call):
        call.student_logits.mul_(2.0)
        return call.student_logits.sum()

    found = measure(of(loss), CALL)
    assert (found.value, float(found.gradient[0, 0, 0]), found.changed) == (24.0, 2.0, "the student's logits")
    assert measure(of(lambda call: call.student_logits.sum()), CALL).changed == ""
    assert CALL.student_logits.eq(2.0).all()
