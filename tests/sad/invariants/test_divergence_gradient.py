import pytest
import torch
import torch.nn.functional as F

from sad.batch import Sum
from sad.invariants.divergence_gradient import divergence_gradient
from sad.losses.kd import scale_gradient


def logs(student, teacher, t):
    return torch.log_softmax(student.float() / t, -1), torch.log_softmax(teacher.float() / t, -1)


def right(student, teacher, t):
    """By torch's own KL, in its order of arguments, with zero times infinity out of the way."""
    log_q, log_p = logs(student, teacher.detach(), t)
    log_q = log_q.masked_fill(log_p.isneginf(), 0.0)
    return Sum(scale_gradient(F.kl_div(log_q, log_p.exp(), reduction="sum"), t**2), len(student))


def test_a_right_implementation_of_its_own_holds():
    verdict = divergence_gradient(right)
    assert verdict.holds
    assert verdict.numbers["value"] == pytest.approx(1, rel=1e-4)


def on_the_value(student, teacher, t):
    return Sum(t**2 * right(student, teacher, 1.0).total, len(student))


def cross_entropy(student, teacher, t):
    # the right gradient, but a value that never reaches zero
    log_q, log_p = logs(student, teacher.detach(), t)
    return Sum(scale_gradient(-(log_p.exp() * log_q.clamp_min(-1e4)).sum(), t**2), len(student))


def value_without_gradient(student, teacher, t):
    return Sum(right(student, teacher, t).total.detach(), len(student))


def other_direction(student, teacher, t):
    log_q, log_p = logs(student, teacher.detach().clamp_min(-1e4), t)
    return Sum(scale_gradient(F.kl_div(log_p, log_q, reduction="sum", log_target=True), t**2), len(student))


def per_token_twice(student, teacher, t):
    total, units = right(student, teacher, t)
    return Sum(total / max(1, units), units)


def wrong_count(student, teacher, t):
    return Sum(right(student, teacher, t).total, student.numel())


def attached(student, teacher, t):
    log_q, log_p = logs(student, teacher, t)
    return Sum(scale_gradient(F.kl_div(log_q.clamp_min(-1e4), log_p.exp(), reduction="sum"), t**2), len(student))


def clamped_logits(student, teacher, t):
    return right(student.clamp(-30, 30), teacher.clamp(-30, 30), t)


def rounded(student, teacher, t):
    return right(student.bfloat16(), teacher.bfloat16(), t)


def zero_times_infinity(student, teacher, t):
    log_q, log_p = logs(student, teacher.detach(), t)
    return Sum(scale_gradient((log_p.exp() * (log_p - log_q)).sum(), t**2), len(student))


def hidden_infinity(student, teacher, t):
    log_q, log_p = logs(student, teacher.detach(), t)
    return Sum(scale_gradient((log_p.exp() * (log_p - log_q)).nan_to_num().sum(), t**2), len(student))


def mean_of_nothing(student, teacher, t):
    total, units = right(student, teacher, t)
    return Sum(total / units * units if units else total * float("nan"), units)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (on_the_value, "x KL"),
        (cross_entropy, "x KL"),
        (value_without_gradient, "gradient 0.000"),
        (other_direction, "x KL"),
        (per_token_twice, "value 0.167 x KL"),
        (wrong_count, "1920 units, right 6"),
        (attached, "the teacher gets a gradient"),
        (clamped_logits, "sixty times"),
        (rounded, "ordinary logits at T = 1: gradient off by"),
        (zero_times_infinity, "rule"),
        (hidden_infinity, "the student alone rules out"),
        (mean_of_nothing, "no place"),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    verdict = divergence_gradient(wrong)
    assert not verdict.holds
    assert says in verdict.says
