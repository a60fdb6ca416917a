"""The method that trains, and the loss in what it returns."""

import pytest
import torch
from torch import nn

from sad.errors import UserError
from sad.judge.steps.methods import loss_of, named_method, trained

LOSS = torch.ones((), requires_grad=True) * 2


class Fits:
    def evaluate(self): ...

    def fit(self): ...


class Child(Fits):
    def other(self): ...


class Distils(nn.Module):
    def __init__(self):
        super().__init__()
        self.student, self.teacher = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, x): ...

    def configure_optimizers(self):
        return {"optimizer": torch.optim.Adam(self.parameters()), "lr_scheduler": None}


def test_the_method_that_trains():
    assert [named_method(one) for one in (Fits, Child, Distils)] == ["fit", "fit", "forward"]
    with pytest.raises(UserError, match="no method"):
        named_method(type("Nothing", (), {"forward": None}))


def test_the_loss_in_what_is_returned():
    logits = torch.ones(2, 3, requires_grad=True)
    for returned in (LOSS, {"loss": LOSS}, (logits, LOSS), (LOSS, logits), {"kd": logits, "total_loss": LOSS}):
        assert loss_of(returned) is LOSS or float(loss_of(returned).detach()) == 2
    for returned in (None, logits, torch.ones(()), {"kd": LOSS}):
        with pytest.raises(UserError, match="no loss with a gradient"):
            loss_of(returned)


def test_its_own_optimizer_says_what_is_trained():
    made = Distils()
    assert len(trained(made, made.student)) == 4
    assert len(trained(object(), made.student)) == 2
