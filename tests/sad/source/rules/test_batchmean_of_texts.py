"""Three dimensions, by each thing that tells them; silence where rows are flat or may be."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.batchmean_of_texts import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(s, t):\n"
            "    s, t = s[:, :-1, :], t[:, :-1, :]\n"
            "    return F.kl_div(F.log_softmax(s, -1), F.softmax(t, -1), reduction='batchmean')",
            True,
        ),
        (
            "def f(logits, t):\n"
            "    return F.kl_div(F.log_softmax(logits[:, 1:], -1), F.softmax(t, -1), reduction='batchmean')",
            True,
        ),
        (
            "def f(logits, t):\n    a = F.log_softmax(logits, dim=2)\n    return F.kl_div(a, t, reduction='batchmean')",
            True,
        ),
        (
            "def f(s, t, y):\n"
            "    hard = F.cross_entropy(s.view(-1, s.size(-1)), y.view(-1))\n"
            "    return hard + F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1), reduction='batchmean')",
            True,
        ),
        (
            "from transformers import AutoModelForCausalLM\n"
            "def f(a, b):\n"
            "    return F.kl_div(F.log_softmax(a.logits / T, -1), F.softmax(b.logits / T, -1), reduction='batchmean')",
            True,
        ),
        (
            "from transformers import AutoModelForSequenceClassification, AutoModelForCausalLM\n"
            "def f(a, b):\n"
            "    return F.kl_div(F.log_softmax(a.logits, -1), F.softmax(b.logits, -1), reduction='batchmean')",
            False,
        ),
        (
            "def f(s, t, T):\n"
            "    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t / T, -1), reduction='batchmean')",
            False,
        ),
        (
            "def f(s, t, y):\n"
            "    s = s.view(-1, s.size(-1))\n"
            "    return F.kl_div(F.log_softmax(s, -1), F.softmax(t, -1), reduction='batchmean')",
            False,
        ),
        (
            "def f(s, t, mask):\n"
            "    s, t = s[..., :-1, :][mask], t[..., :-1, :][mask]\n"
            "    return F.kl_div(F.log_softmax(s, -1), F.softmax(t, -1), reduction='batchmean')",
            False,
        ),
        (
            "def f(s, t):\n"
            "    s, t = s[..., :-1, :], t[..., :-1, :]\n"
            "    return F.kl_div(F.log_softmax(s, -1), F.softmax(t, -1), reduction='batchmean') / s.size(1)",
            False,
        ),
        (
            "def f(s, t, y):\n"
            "    hard = F.cross_entropy(s.view(-1, num_labels), y)\n"
            "    return hard + F.kl_div(F.log_softmax(s, -1), F.softmax(t, -1), reduction='batchmean')",
            False,
        ),
        (
            "def f(x, t):\n    return F.kl_div(F.log_softmax(x, dim=2), t, reduction='batchmean')",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
