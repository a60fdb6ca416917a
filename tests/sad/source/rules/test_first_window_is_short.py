"""A test that is true at the index 0, by every way to count."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.first_window_is_short import RULE
from tests.sad.source.rules.loop_text import changed


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({"test": "i % accum == 0"}, True),
        ({"test": "i % accum == 0", "over": "enumerate(loader, start=1)"}, False),
        ({"test": "i % accum == 0", "over": "enumerate(tqdm(loader), 0)"}, True),
        ({"test": "i % args.gradient_accumulation_steps == 0"}, True),
        ({"test": "i % args['grad_accum'] == 0"}, True),
        ({"test": "i > 0 and i % accum == 0"}, False),
        ({"test": "i % every == 0"}, False),
        ({"test": "i % accum == 0", "each": "i += 1"}, False),
        ({"test": "(i + 1) % accum == 0"}, False),
        ({"test": "i % accum != 0"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(changed(text), "a.py", [RULE])) is seen
