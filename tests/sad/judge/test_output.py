from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from sad.judge.output import WrongTypeError, article, loss_of

ONE = torch.ones((), requires_grad=True)


@pytest.mark.parametrize(
    ("returned", "how"),
    [
        (ONE, ""),
        (ONE.reshape(1, 1), "one entry"),
        (torch.ones(3, 4), "sum of the unreduced"),
        ((ONE, {"kl": 2}), "first of 2"),
        ({"loss": ONE, "kl": 2}, "entry 'loss'"),
        ({"anything": ONE}, "entry 'anything'"),
        (SimpleNamespace(loss=ONE), "attribute .loss"),
        (1.0, "Python number"),
        (torch.tensor(1), "no gradient"),
    ],
)
def test_the_loss_is_picked_out_and_said_which(returned, how):
    loss, told = loss_of(returned)
    assert loss.ndim == 0
    assert how in told


@pytest.mark.parametrize("returned", [None, "0.5", True, {}, object()])
def test_what_is_no_loss(returned):
    with pytest.raises(WrongTypeError, match=r"not a tensor|without a tensor"):
        loss_of(returned)


@pytest.mark.parametrize(("returned", "what"), [(None, "None"), ("0.5", "a str"), (object(), "an object")])
def test_what_came_instead_is_told(returned, what):
    with pytest.raises(WrongTypeError, match=f"^returns {what}, not a tensor$"):
        loss_of(returned)


def test_a_type_has_its_article():
    assert [article(name) for name in ("int", "object", "str")] == ["an int", "an object", "a str"]
