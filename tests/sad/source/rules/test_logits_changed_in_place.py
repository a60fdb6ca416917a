"""Logits of the caller that change; silence where they are the function's own."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.logits_changed_in_place import RULE

HEAD = ""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "def f(logits, temperature):\n    logits /= temperature",
            True,
        ),
        (
            "def f(self, out):\n    out.logits *= self.inverse_temperature",
            True,
        ),
        (
            "def f(x, T):\n    logits = x.clone()\n    logits /= T",
            False,
        ),
        (
            "def f(logits, T):\n    logits = logits.clone()\n    logits /= T",
            False,
        ),
        (
            "def f(logits, T):\n    logits.div_(T)",
            False,
        ),
        (
            "def f(logits, scale):\n    logits /= scale",
            False,
        ),
        (
            "def f(model, x, T):\n    a, logits = model(x)\n    logits /= T",
            False,
        ),
        (
            "logits /= T",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
