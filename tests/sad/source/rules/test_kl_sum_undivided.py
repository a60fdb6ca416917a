"""A sum that nothing divides; silence where something may."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.kl_sum_undivided import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(s, t):\n    return F.kl_div(s, t, reduction='sum')",
            True,
        ),
        (
            "def f(ss, ts):\n"
            "    loss = 0\n"
            "    for s, t in zip(ss, ts):\n"
            "        loss += F.kl_div(s, t, reduction='sum')\n"
            "    loss /= len(ss)\n"
            "    return loss",
            True,
        ),
        (
            "def f(s, t):\n    return F.kl_div(s / T, t, reduction='sum') / 2",
            True,
        ),
        (
            "def f(s, t):\n    return F.kl_div(s, t, reduction='sum') / len(s)",
            False,
        ),
        (
            "def f(s, t):\n    loss = F.kl_div(s, t, reduction='sum')\n    loss /= s.size(0)\n    return loss",
            False,
        ),
        (
            "def f(s, t):\n    return F.kl_div(s, t, reduction='sum')\nkl = f(s, t) / rows",
            False,
        ),
        (
            "def f(s, t):\n    return F.kl_div(s, t, reduction='sum')\nloss = f(s, t).mean()\n",
            False,
        ),
        (
            "def f(s, t, ntokens):\n    return F.kl_div(s, t, reduction='sum'), ntokens",
            False,
        ),
        (
            "def f(s, t):\n    return F.kl_div(s, t, reduction='batchmean')",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
