"""A clip of scaled gradients, and the ways to be right about them."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.clip_before_unscale import RULE

STEP = """
def step(model, loss, optimizer, scaler, amp):
    scaler.scale(loss).backward()
    {}
    scaler.step(optimizer)
    scaler.update()
"""


BRANCHES = """return

def other(amp):
    if amp:
        clip_grad_norm_(ps, 1.0)
    else:
        scaler.step(optimizer)

def last():"""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("clip_grad_norm_(model.parameters(), 1.0)", True),
        ("scaler.unscale_(optimizer); clip_grad_norm_(model.parameters(), 1.0)", False),
        ("scaler.unscale_(optimizer)\n    clip_grad_norm_(model.parameters(), 1.0)", False),
        ("clip_grad_norm_(model.parameters(), 1.0 * scaler.get_scale())", False),
        ("clip_grad_norm_(model.parameters(), 1e12)", False),
        ("optimizer.clip_grad_norm(1.0)", False),
        ("scaler = GradScaler(enabled=False); clip_grad_norm_(model.parameters(), 1.0)", False),
        (
            "pass\ndef a():\n    scaler.unscale_(optimizer)\ndef b():\n    clip_grad_norm_(ps, 1.0)",
            False,
        ),
        ("if amp: pass\n    else:\n        clip_grad_norm_(ps, 1.0)\n    if amp: pass", True),
        (
            BRANCHES,
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(STEP.format(text), "a.py", [RULE])) is seen
