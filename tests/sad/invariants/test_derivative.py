import pytest
import torch

from sad.invariants.derivative import derivative
from sad.subjects.divergence import Contract, Divergence, Kind, Takes
from sad.subjects.probe.right import RIGHT, kl, logs
from sad.verdict import Standing

RIGHT_ONE = RIGHT["mean over tokens"]


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(_, value):
        return value.clone()

    @staticmethod
    def backward(_, gradient):
        return 0.95 * gradient


def test_it_needs_no_formula():
    loss = Divergence(Contract(Kind.OTHER), lambda given: (given.student_logits.sigmoid() ** 2).mean())
    verdict = derivative(loss)
    assert verdict.standing == Standing.HOLDS
    assert "10 directions" in verdict.says


def weighed(given):
    """By how far apart the two are, held constant, as in an adaptive KL."""
    log_q, log_p = logs(given)
    each = kl(log_p, log_q)
    return (each.detach() * each).mean()


def clamped_under_a_weight(given):
    log_q, log_p = logs(given)
    return ((log_q[:, 0] - log_q[:, 0].detach()).exp() * kl(log_p, log_q).clamp(max=1e-3)).mean()


def test_a_factor_that_is_held_constant_is_allowed_where_no_formula_says_otherwise():
    verdict = derivative(Divergence(Contract(Kind.OTHER), weighed))
    assert verdict.standing == Standing.ALLOWED
    assert "a factor of it is held constant" in verdict.says
    assert derivative(Divergence(Contract(), weighed)).standing == Standing.BROKEN


def test_a_gradient_where_the_value_does_not_move_is_not():
    verdict = derivative(Divergence(Contract(Kind.OTHER), clamped_under_a_weight))
    assert verdict.standing == Standing.BROKEN
    assert "has slope none, the gradient says" in verdict.says


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda given: Scaled.apply(RIGHT_ONE.loss(given)), "the gradient says"),
        (lambda given: RIGHT_ONE.loss(given).detach(), "the gradient says none"),
        # the weight of a row is taken for a constant
        (lambda given: (logs(given)[0].exp().detach() * logs(given)[0]).sum(-1).mean(), "slope"),
        (lambda given: RIGHT_ONE.loss(given).round(decimals=1), "the gradient says none"),
        (lambda _: 1 / 0, "it raises ZeroDivisionError"),
    ],
)
def test_a_gradient_of_something_else_breaks_it(wrong, says):
    verdict = derivative(Divergence(Contract(takes=frozenset({Takes.LABELS})), wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
