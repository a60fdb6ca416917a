"""A softmax of a softmax, by each way to write it; silence where it is one of logits, or may be."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.softmax_of_probabilities import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("out = F.log_softmax(F.softmax(x, -1), -1)", True),
        ("def f(x):\n    p = x.softmax(-1).view(-1, 4)\n    return (p / T).softmax(-1)", True),
        ("def f(out):\n    maps = out.encoder_attentions[0].detach()\n    return torch.softmax(maps, -1)", True),
        ("out = F.softmax(F.log_softmax(x, -1) / T, -1)", False),
        ("def f(x, soft):\n    if soft:\n        x = F.softmax(x, -1)\n    return F.softmax(x, -1)", False),
        ("out = F.softmax(out.attention_scores, -1)", False),
        ("out = F.softmax(layer(F.softmax(x, -1)), -1)", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
