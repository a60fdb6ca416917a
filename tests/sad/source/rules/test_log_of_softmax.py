"""A logarithm of a softmax, by each way to write it; silence where 0 cannot come."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.log_of_softmax import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "out = torch.log(F.softmax(x, -1))",
            True,
        ),
        (
            "def f(x):\n    p = x.softmax(-1).detach()\n    return (p * p.log()).sum(-1)",
            True,
        ),
        (
            "class A:\n"
            "    def __init__(self):\n"
            "        self.soft = nn.Softmax(dim=1)\n"
            "    def f(self, x):\n"
            "        return self.soft(x).log()",
            True,
        ),
        (
            "out = torch.log(F.softmax(x, -1) + 1e-8)",
            False,
        ),
        (
            "out = F.softmax(x, -1).clamp(min=1e-8).log()",
            False,
        ),
        (
            "with torch.no_grad():\n    out = F.softmax(x, -1).log()",
            False,
        ),
        (
            "@torch.no_grad()\ndef f(x):\n    return F.softmax(x, -1).log()",
            False,
        ),
        (
            "import jax\nout = torch.log(jax.nn.softmax(x))",
            False,
        ),
        (
            "out = F.log_softmax(x, -1).log()",
            False,
        ),
        (
            "def f(x, soft):\n    p = soft(x)\n    return p.log()",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
