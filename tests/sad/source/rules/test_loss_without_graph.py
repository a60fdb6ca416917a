"""A loss that is told to require a gradient; silence where it is made by hand."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.loss_without_graph import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(x, y):\n    loss = metric(x, y)\n    loss.requires_grad_()\n    loss.backward()",
            True,
        ),
        (
            "self.act_loss.requires_grad = True",
            True,
        ),
        (
            "loss = torch.autograd.Variable(loss.data, requires_grad=True)",
            True,
        ),
        (
            "loss = torch.tensor(sum(losses), requires_grad=True)",
            False,
        ),
        (
            "loss = torch.randn(1)\nloss.requires_grad = True",
            False,
        ),
        (
            "loss = torch.zeros(1).cuda()\nloss.requires_grad_()",
            False,
        ),
        (
            "def f(loss):\n    loss = loss.detach().requires_grad_()\n    loss.backward()",
            False,
        ),
        (
            "loss.requires_grad = False",
            False,
        ),
        (
            "loss.requires_grad_(False)",
            False,
        ),
        (
            "x.requires_grad = True",
            False,
        ),
        (
            "loss = torch.tensor(0.0, requires_grad=True)",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
