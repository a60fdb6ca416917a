"""A window that nothing but its count closes, and the ways to close it."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.last_window_is_not_stepped import RULE
from tests.sad.source.rules.loop_text import changed

EARLY = """(model(batch).loss / accum).backward()
            if (i + 1) % accum != 0:
                continue"""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({"test": "(i + 1) % accum == 0"}, True),
        ({}, False),
        ({"test": "i % accum == 0", "over": "enumerate(loader, 1)"}, True),
        ({"test": "i % accum == 0"}, False),
        ({"test": "not (i + 1) % accum != 0"}, True),
        ({"test": "(i + 1) % accum == 0 and args.train"}, True),
        ({"test": "(count + 1) % accum == 0"}, False),
        ({"test": "(i + 1) % accum == 0", "over": "enumerate(cycle(loader))"}, False),
        ({"test": "(i + 1) % accum == 0", "after": "optimizer.step()"}, False),
        ({"test": "(i + 1) % accum == 0", "each": "if i // accum >= whole: continue"}, False),
        ({"test": "(i + 1) % accum == 0", "each": "assert len(loader) % accum == 0"}, False),
        ({"test": "(i + 1) % log_every == 0"}, False),
        ({"test": "done", "each": "done = (i + 1) % accum == 0"}, True),
        (
            {
                "test": "True",
                "each": "pass",
                "back": EARLY,
            },
            True,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(changed(text), "a.py", [RULE])) is seen
