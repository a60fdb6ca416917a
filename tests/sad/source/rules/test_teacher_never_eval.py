"""A teacher that is part of a module; silence where anything may switch it."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.teacher_never_eval import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "class A(nn.Module):\n"
            "    def __init__(self):\n"
            "        self.teacher = Net()\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x).detach())",
            True,
        ),
        (
            "class B(nn.Module):\n"
            "    pass\n"
            "\n"
            "class A(B):\n"
            "    def __init__(self):\n"
            "        self.teacher = Net.from_pretrained(name)\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x).detach())",
            True,
        ),
        (
            "class A(nn.Module):\n"
            "    def __init__(self):\n"
            "        self.teacher = get_model('t')\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x))\n"
            "model.eval()",
            False,
        ),
        (
            "class A(nn.Module):\n"
            "    def __init__(self):\n"
            "        self.teacher = Net().train(False)\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x))",
            False,
        ),
        (
            "class A(nn.Module):\n"
            "    def __init__(self):\n"
            "        self.teacher = Net()\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x))\n"
            "    def train(self, mode=True):\n"
            "        pass",
            False,
        ),
        (
            "class A(nn.Module):\n"
            "    def __init__(self, teacher):\n"
            "        self.teacher = teacher\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x))",
            False,
        ),
        (
            "class A(object):\n"
            "    def __init__(self):\n"
            "        self.teacher = Net()\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), self.teacher(x))",
            False,
        ),
        (
            "class A(nn.Module):\n"
            "    def __init__(self):\n"
            "        self.teacher = Net()\n"
            "    def training_step(self, x):\n"
            "        return F.mse_loss(self.student(x), x)",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
