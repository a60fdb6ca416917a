"""A label loss of probabilities, by each name; silence where they are none, or not for sure."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.cross_entropy_of_probabilities import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
NET = "class Net(nn.Module):\n    def forward(self, x):\n        return %s\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "out = F.cross_entropy(x.softmax(-1), y)",
            True,
        ),
        (
            "out = nn.CrossEntropyLoss()(torch.softmax(x, -1), y)",
            True,
        ),
        (
            "class A:\n"
            "    def __init__(self):\n"
            "        self.ce = nn.NLLLoss()\n"
            "        self.soft = nn.Softmax(dim=1)\n"
            "    def f(self, x, y):\n"
            "        return self.ce(self.soft(x), y)",
            True,
        ),
        (
            "def f(x, y):\n    p = F.softmax(x, -1)\n    return F.cross_entropy(input=p.view(-1, 4), target=y)",
            True,
        ),
        (
            "out = F.cross_entropy(F.log_softmax(x, -1), y)",
            False,
        ),
        (
            "out = F.nll_loss(torch.log(F.softmax(x, -1)), y)",
            False,
        ),
        (
            "def f(x, y, soft):\n    if soft:\n        x = F.softmax(x, -1)\n    return F.cross_entropy(x, y)",
            False,
        ),
        (
            "out = F.cross_entropy(x, F.softmax(y, -1))",
            False,
        ),
        (
            "loss = nn.CrossEntropyLoss(weight=F.softmax(w, -1))",
            False,
        ),
        (
            "out = F.cross_entropy(*pair)",
            False,
        ),
        (
            NET % "F.softmax(x, 1)" + "model = Net().to(device)\nloss = nn.CrossEntropyLoss()\nout = loss(model(x), y)",
            True,
        ),
        (NET % "x" + "model = Net()\nout = F.cross_entropy(model(x), y)", False),
        (NET % "F.softmax(x, 1)" + "def f(model, x, y):\n    return F.cross_entropy(model(x), y)", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
