"""A loss that is replaced where it is not finite; silence where it is told, left out or only logged."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.non_finite_becomes_zero import RULE

HEAD = "import torch\nimport math\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("kd_loss = kd_loss.nan_to_num(0.0)", True),
        ("self.loss = torch.nan_to_num(self.loss, nan=0.0)", True),
        ("l2loss = torch.where(torch.isfinite(l2loss), l2loss, zero)", True),
        ("if torch.isnan(loss).any() or loss.isinf():\n    loss = 0.0", True),
        ("if torch.isnan(loss):\n    raise ValueError(loss)", False),
        ("for x in xs:\n    if torch.isnan(loss):\n        continue", False),
        ("if math.isfinite(best_loss):\n    best_loss = min(best_loss, loss)", False),
        ("if torch.isinf(self.prev_loss):\n    self.prev_loss = loss", False),
        ("with torch.no_grad():\n    loss = torch.nan_to_num(loss)", False),
        ("shown = torch.nan_to_num(loss)", False),
        ("x = torch.nan_to_num(x)", False),
        ("loss = torch.where(mask, loss, zero)", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
