"""Arguments that are called logits; silence where something may have been done to them."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.kl_of_logits import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(s, teacher_logits):\n    return F.kl_div(F.log_softmax(s, -1), teacher_logits, reduction='sum')",
            True,
        ),
        (
            "out = F.kl_div(student.logits / T, F.softmax(t, -1))",
            True,
        ),
        (
            "def f(s, logits):\n    t = logits.detach()[:, 1:]\n    return nn.KLDivLoss()(s, t)",
            True,
        ),
        (
            "out = F.kl_div(s, normalize(teacher_logits))",
            False,
        ),
        (
            "out = F.kl_div(s, teacher_logits_probs)",
            False,
        ),
        (
            "out = F.kl_div(s, teacher_logits.softmax(-1))",
            False,
        ),
        (
            "out = F.kl_div(s, teacher_logits - teacher_logits.logsumexp(-1, True), log_target=True)",
            False,
        ),
        (
            "def f(s, teacher_logits, soft):\n"
            "    if soft:\n"
            "        teacher_logits = F.softmax(teacher_logits, -1)\n"
            "    return F.kl_div(s, teacher_logits)",
            False,
        ),
        (
            "class A:\n"
            "    def __init__(self, t):\n"
            "        self.teacher_logits = F.softmax(t, -1)\n"
            "    def f(self, s):\n"
            "        return F.kl_div(s, self.teacher_logits)",
            False,
        ),
        ("out = F.kl_div(s, teacher_logits, log_target=True)", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
