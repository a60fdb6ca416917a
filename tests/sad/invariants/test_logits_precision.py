import torch

from sad.head.products import Factor, Products
from sad.invariants.logits_precision import logits_precision
from sad.losses import kd
from sad.shipped.states_loss import states_loss


def test_the_code_that_trains_is_exact_near_its_teacher():
    verdict = logits_precision(states_loss())
    assert verdict.holds
    assert 5e-4 < verdict.numbers["kl_near"] < 2e-3
    assert verdict.numbers["off_near"] < 0.003


def test_logits_that_are_rounded_on_their_way_are_found(monkeypatch):
    shipped = Factor.into
    monkeypatch.setattr(Factor, "into", lambda self, out, states: out.copy_(shipped(self, out, states).bfloat16()))
    assert "the gradient to the states is" in logits_precision(states_loss()).says


def test_a_gradient_that_is_rounded_on_its_way_is_allowed(monkeypatch):
    """That is the 0.2% which the tolerance is for."""
    shipped = Products.add

    def rounded(self, name, rows, states, gradient):
        shipped(self, name, rows, states, gradient.bfloat16().float())

    monkeypatch.setattr(Products, "add", rounded)
    assert logits_precision(states_loss()).holds


def test_half_of_a_rounding_is_told_apart_from_none(monkeypatch):
    """Behind the products: at once far more near the teacher than far from it."""
    shipped = kd.softmax
    monkeypatch.setattr(kd, "softmax", lambda logits: shipped(logits.bfloat16().float()))
    assert not logits_precision(states_loss()).holds


def test_a_loss_that_raises_is_named():
    def loss(_):
        raise RuntimeError("no half precision")

    assert logits_precision(loss).says == "it raises RuntimeError: no half precision"
    assert torch.get_float32_matmul_precision() == "highest"


def test_logits_that_autocast_rounds_are_found(monkeypatch):
    shipped = Factor.into

    def rounded(self, out, states):
        found = shipped(self, out, states)
        return found.copy_(found.bfloat16()) if states.dtype == torch.float32 and autocast else found

    autocast = []
    entered = torch.autocast.__enter__

    def enter(self):
        if self.fast_dtype == torch.bfloat16 and self._enabled:
            autocast.append(True)
        return entered(self)

    monkeypatch.setattr(torch.autocast, "__enter__", enter)
    monkeypatch.setattr(Factor, "into", rounded)
    assert "under autocast, the gradient to the states is" in logits_precision(states_loss()).says
