"""A window that nothing divides, and what may divide it."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.window_is_not_divided import RULE
from tests.sad.source.rules.loop_text import changed


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({"back": "model(batch).loss.backward()"}, True),
        ({}, False),
        ({"back": "loss = model(batch).loss\n            loss /= accum\n            loss.backward()"}, False),
        ({"back": "model.loss(batch, accum).backward()"}, False),
        ({"back": "accelerator.backward(model(batch).loss)"}, False),
        ({"back": "model(batch).loss.backward()", "after": "lr = lr * accum"}, False),
        ({"back": "model(batch).loss.backward()", "test": "i % n == 0"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(changed(text), "a.py", [RULE])) is seen
