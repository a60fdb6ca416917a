"""A temperature whose square is nowhere, beside labels; silence where it is written in any way."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.temperature_squared_missing import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(s, t, y, T):\n"
            "    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1)) + F.cross_entropy(s, y)",
            True,
        ),
        (
            "class A:\n"
            "    def __init__(self):\n"
            "        self.kl, self.ce = nn.KLDivLoss(), nn.CrossEntropyLoss()\n"
            "    def f(self, s, t, y):\n"
            "        a, b = F.log_softmax(s / self.temp, -1), F.softmax(t / self.temp, -1)\n"
            "        return F.kl_div(a, b) + nn.CrossEntropyLoss()(s, y)",
            True,
        ),
        (
            "def f(student, teacher, y, tau):\n"
            "    p = F.softmax(teacher / tau, -1)\n"
            "    return -(p * (student / tau).log_softmax(-1)).sum() + F.cross_entropy(student, y)",
            True,
        ),
        (
            "def f(s, t, y, T):\n"
            "    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1)) * T * T + F.cross_entropy(s, y)",
            False,
        ),
        (
            "def f(s, t, y, T):\n"
            "    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1)) * (T**2) + F.cross_entropy(s, y)",
            False,
        ),
        (
            "def f(s, t, y, T):\n"
            "    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1)) * pow(T, 2) + F.cross_entropy(s, y)",
            False,
        ),
        (
            "def f(s, t, y, T, T2):\n"
            "    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1)) * T2 + F.cross_entropy(s, y)",
            False,
        ),
        (
            "def f(s, t, T):\n    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1))",
            False,
        ),
        (
            "def f(s, t, y, T):\n"
            "    return F.kl_div(F.log_softmax(s, -1), F.softmax(t / T, -1)) + F.cross_entropy(s, y)",
            False,
        ),
        (
            "def f(teacher, y, T):\n"
            "    weight = F.softmax(teacher / T, -1)\n"
            "    return (weight * F.cross_entropy(teacher, y)).sum()",
            False,
        ),
        (
            "def f(x, old, y, T):\n    p = F.softmax(old / T, -1)\n"
            "    return -(p * F.log_softmax(x / T, -1)).sum() + F.cross_entropy(x, y)",
            True,
        ),
        (
            "def f(x, y, T):\n    p = F.softmax(x / T, -1)\n"
            "    return -(p * F.log_softmax(x / T, -1)).sum() + F.cross_entropy(x, y)",
            False,
        ),
        ("def f(x, y, T):\n    p = F.softmax(x / T, -1)\n    return F.cross_entropy(x / T, y), p", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
