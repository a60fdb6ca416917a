"""The mean over rows and classes, by every way to ask for it."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.kl_mean_over_classes import RULE

HEAD = "from torch import nn\nimport torch.nn.functional as F\n"
CLASS = "class A:\n    def __init__(self):\n        self.kl = nn.KLDivLoss()\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("out = nn.KLDivLoss()(a, b) * T * T", True),
        (CLASS + "    def f(self, a, b):\n        return self.kl(a, b)", True),
        ("out = nn.KLDivLoss(reduction='mean')(a, b)", True),
        ("out = F.kl_div(a, b, reduction=how)", False),
        ("out = F.kl_div(a, b, size_average=False)", False),
        ("kl = F.kl_div(a, b)\nout = kl * vocab_size", False),
        ("def f(a, b):\n    return F.kl_div(a, b) * a.shape[-1]", False),
        ("criterion = nn.KLDivLoss()", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
