"""Weights on the other side, by each way to write a mixture; silence where one term does not say whose it is."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.jsd_weights_exchanged import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = w * student_p + (1 - w) * teacher_p\n"
            "    kl_t, kl_s = kl(m, teacher_p), kl(m, student_p)\n"
            "    return w * kl_t + (1 - w) * kl_s",
            True,
        ),
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = (1 - w) * teacher_p + student_p * w\n"
            "    kl_t, kl_s = kl(m, teacher_p), kl(m, student_p)\n"
            "    return (1.0 - w) * kl_s + w * kl_t",
            True,
        ),
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = torch.logsumexp(torch.stack([student_p + math.log(w), teacher_p + math.log(1.0 - w)]), 0)\n"
            "    kl_t, kl_s = kl(m, teacher_p), kl(m, student_p)\n"
            "    return w * kl_t + (1 - w) * kl_s",
            True,
        ),
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = w * teacher_p + (1 - w) * student_p\n"
            "    kl_t, kl_s = kl(m, teacher_p), kl(m, student_p)\n"
            "    return w * kl_t + (1 - w) * kl_s",
            False,
        ),
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = torch.logsumexp(torch.stack([student_p + torch.log1p(-w), teacher_p + torch.log(w)]), 0)\n"
            "    kl_t, kl_s = kl(m, teacher_p), kl(m, student_p)\n"
            "    return w * kl_t + (1 - w) * kl_s",
            False,
        ),
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = 0.5 * student_p + 0.5 * teacher_p\n"
            "    kl_t, kl_s = kl(m, teacher_p), kl(m, student_p)\n"
            "    return 0.5 * kl_t + 0.5 * kl_s",
            False,
        ),
        (
            "def f(student_p, teacher_p, w):\n"
            "    m = w * student_p + (1 - w) * teacher_p\n"
            "    a, b = kl(m, x), kl(m, y)\n"
            "    return w * kl_a + (1 - w) * kl_b",
            False,
        ),
        (
            "def f(student_loss, teacher_loss, w):\n    return w * student_loss + (1 - w) * teacher_loss",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
