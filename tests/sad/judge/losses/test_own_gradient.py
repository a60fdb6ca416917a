"""A loss that returns its gradient beside its value is judged by both."""

from __future__ import annotations

import pytest
import torch

from sad.judge.losses import checks
from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.own_gradient import apart, sent_back, with_own_gradient
from sad.subjects.divergence import Given


def both(logits, target, factor):
    mine, theirs = logits.log_softmax(-1), target.softmax(-1)
    value = (theirs * (target.log_softmax(-1) - mine)).sum(-1).mean()
    gradient = (mine.exp() - theirs) / theirs[..., 0].numel()
    return value.detach(), (factor * gradient).detach()


def pair(logits, target, grad_output: float | None):
    return both(logits, target, grad_output)


def named(logits, target, grad_output: float | None):
    value, gradient = both(logits, target, grad_output)
    return {"loss": value, "grad_logits": gradient}


def wrong(logits, target, grad_output: float | None):
    return both(logits, target, -grad_output)


@pytest.mark.parametrize("loss", [pair, named])
def test_value_and_gradient_are_read(loss):
    assert found(discover(Call(loss), 0), 0).name == "forward KL"


def test_a_wrong_gradient_is_seen():
    shape = discover(Call(wrong), 0)
    assert not checks.known_divergence(found(shape, 0)).holds


def test_what_has_a_graph_or_returns_no_gradient_is_left_alone():
    logits = torch.ones(2, 3, requires_grad=True)
    assert with_own_gradient((logits.sum(), logits), [logits]) is None
    assert with_own_gradient((logits.sum().detach(), torch.ones(3)), [logits]) is None
    assert with_own_gradient(logits.sum(), [logits]) is None


def test_a_gradient_that_is_sent_back_is_that_of_the_logits():
    logits = torch.tensor([1.0, -torch.inf], requires_grad=True)
    leaf = apart(logits, "loss.backward()")
    (3 * leaf[0]).backward()
    value = sent_back(torch.tensor(3.0), logits, leaf)
    value.backward()
    assert float(value.detach()) == 3
    assert logits.grad.tolist() == [3, 0]


def test_without_one_that_is_sent_back_nothing_is_changed():
    logits, value = torch.ones(2, requires_grad=True), torch.tensor(3.0)
    assert apart(logits, "return loss") is logits
    assert sent_back(value, logits, logits) is value
    assert sent_back(value, logits, apart(logits, "loss.backward()")) is value


def test_a_comment_that_speaks_of_backward_sends_nothing_back():
    logits = torch.zeros(2, 3, requires_grad=True)
    assert apart(logits, "total = kl.sum()  # Losses.backward() is called on this\n") is logits
    assert apart(logits, "total = kl.sum()\ntotal.backward()\n") is not logits


class OfAutograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target):
        value, gradient = both(logits, target, 1.0)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    def backward(ctx, above):
        return above * ctx.saved_tensors[0], None


def test_a_function_of_autograd_is_given_its_arguments_by_place():
    logits, target = torch.randn(2, 1, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    value, gradient = both(logits, target, 1.0)
    loss = Call(OfAutograd)(Given(logits.requires_grad_(), target))
    (got,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close((loss.detach(), got), (value, gradient))
