"""Two axes that cannot be one are named; silence where they may be."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.cross_entropy_over_another_axis import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("(F.log_softmax(x, dim=1) * p).sum(2)", True),
        ("(F.log_softmax(x, dim=-1) * p).sum(-2)", True),
        ("(F.log_softmax(x[:, 1:, :], dim=1) * p).sum(-1)", True),
        ("(p * -F.log_softmax(x[:, 1:, :], 1)).sum(dim=-1)", True),
        ("(F.log_softmax(x[:, 1:, :], dim=2) * p).sum(-1)", False),
        ("(F.log_softmax(x, dim=1) * p).sum(-1)", False),
        ("(F.log_softmax(x, dim=1) * p).sum(1)", False),
        ("(F.log_softmax(x, dim=1) * p).sum((1, 2))", False),
        ("(F.log_softmax(x, dim=axis) * p).sum(2)", False),
        ("(F.softmax(x, dim=1) * p).sum(2)", False),
        ("(F.log_softmax(x, dim=1) + p).sum(2)", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
