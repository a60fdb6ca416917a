import pytest
import torch

from sad.case import Standing
from sad.invariants.derivative import derivative
from sad.subjects.divergence import Contract, Divergence, Kind, Takes
from sad.subjects.right import RIGHT, logs

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


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda given: Scaled.apply(RIGHT_ONE.loss(given)), "the gradient says"),
        (lambda given: RIGHT_ONE.loss(given).detach(), "the gradient says 0"),
        # the weight of a row is taken for a constant
        (lambda given: (logs(given)[0].exp().detach() * logs(given)[0]).sum(-1).mean(), "slope"),
        (lambda given: RIGHT_ONE.loss(given).round(decimals=1), "the gradient says 0"),
        (lambda _: 1 / 0, "it raises ZeroDivisionError"),
    ],
)
def test_a_gradient_of_something_else_breaks_it(wrong, says):
    verdict = derivative(Divergence(Contract(takes=frozenset({Takes.LABELS})), wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
