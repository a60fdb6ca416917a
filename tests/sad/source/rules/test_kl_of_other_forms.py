"""Arguments of the other form; silence where their form cannot be followed."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.kl_of_other_forms import RULE

HEAD = "from torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("out = F.kl_div(F.softmax(a, -1), F.softmax(b, -1))", 1),
        ("out = F.kl_div(F.softmax(a, -1), F.log_softmax(b, -1))", 2),
        ("out = F.kl_div(F.softmax(a, -1).log(), F.softmax(b, -1))", 0),
        ("out = F.kl_div(F.log_softmax(a, -1), F.softmax(b, -1), log_target=True)", 1),
        ("out = F.kl_div(F.log_softmax(a, -1), F.log_softmax(b, -1), log_target=flag)", 0),
        ("out = F.kl_div(a, b)", 0),
        ("def f(a, b, soft):\n    p = a\n    if soft:\n        p = F.softmax(a, -1)\n    return F.kl_div(p, b)", 0),
    ],
)
def test_what_is_seen(text, count):
    assert len(of_text(HEAD + text, "a.py", [RULE])) == count
