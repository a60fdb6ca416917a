"""A model's gradients that are cleared under `accumulate`; silence for an optimizer, a condition, another object."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.model_cleared_in_window import RULE

BLOCK = "for b in batches:\n    with accelerator.accumulate(self.policy):\n        accelerator.backward(f(b))\n        "


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (BLOCK + "self.policy.zero_grad(set_to_none=True)", True),
        (BLOCK + "with timed():\n            self.policy.zero_grad()", True),
        (BLOCK + "self.optimizer.zero_grad()", False),
        (BLOCK + "self.value.zero_grad()", False),
        (BLOCK + "if accelerator.sync_gradients:\n            self.policy.zero_grad()", False),
        ("for b in batches:\n    policy.zero_grad()\n    with accelerator.accumulate(policy):\n        f(b)", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(text, "a.py", [RULE])) is seen
