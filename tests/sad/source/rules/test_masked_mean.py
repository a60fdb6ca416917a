"""A mean over what a mask of padding made 0; silence where the mask is another one."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.masked_mean import RULE

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(loss, attention_mask):\n    return torch.mean(loss * attention_mask)",
            True,
        ),
        (
            "def f(kl, y):\n    mask = (y != -100).float()\n    kl = kl * mask\n    return kl.mean()",
            True,
        ),
        (
            "out = (F.cross_entropy(x, y, reduction='none') * batch.loss_mask.view(-1)).mean()",
            True,
        ),
        (
            "def f(kl, p):\n    mask = (p.max(-1)[0] > 0.9).float()\n    return (kl * mask).mean()",
            False,
        ),
        (
            "def f(kl, attention_mask):\n    return (kl * attention_mask).sum() / attention_mask.sum()",
            False,
        ),
        (
            "def f(loss, mask):\n    return (loss * mask.sum(1, keepdim=True)).mean()",
            False,
        ),
        (
            "def f(hidden, attention_mask):\n    return (hidden * attention_mask).mean()",
            False,
        ),
        (
            "def f(kl, attention_mask):\n    return (kl * attention_mask).mean(dim=0)",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
