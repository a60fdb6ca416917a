"""A clip outside the window of the step, and limits that none reaches."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.clip_in_each_micro_batch import RULE
from tests.sad.source.rules.loop_text import changed

BEHIND = """(model(batch).loss / accum).backward()
            if (i + 1) % accum == 0:
                clip_grad_norm_(model.parameters(), 1.0)"""
ASKED = """with accelerator.accumulate(model):
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)"""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({"back": "(model(batch).loss / accum).backward(); clip_grad_norm_(model.parameters(), 1.0)"}, True),
        ({"back": "(model(batch).loss / accum).backward(); clip_grad_norm_(model.parameters(), 1e9)"}, False),
        ({"back": "(model(batch).loss / accum).backward(); n = clip_grad_norm_(ps, float('inf'))"}, False),
        ({"each": "if args.clip: clip_grad_norm_(model.parameters(), 1.0)"}, True),
        ({"each": "if i == last: clip_grad_norm_(model.parameters(), 1.0)"}, False),
        ({"step": "clip_grad_norm_(model.parameters(), 1.0); optimizer.step()"}, False),
        (
            {"back": BEHIND},
            False,
        ),
        ({"each": "with accelerator.accumulate(model): accelerator.clip_grad_value_(ps, 1.0)"}, True),
        (
            {"each": ASKED},
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(changed(text), "a.py", [RULE])) is seen
