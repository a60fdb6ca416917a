"""A window that nothing divides, and what may divide it."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.window_is_not_divided import RULE
from tests.sad.source.rules.loop_text import changed

LOOP = "for micro_step in range(gradient_accumulation_steps):\n"


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


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (LOOP + "    logits, loss = model(x, y)\n    scaler.scale(loss).backward()", True),
        (LOOP + "    loss = model(x, y)\n    loss.backward()", True),
        (LOOP + "    loss = model(x, y)\n    loss = loss / gradient_accumulation_steps\n    loss.backward()", False),
        (LOOP + "    loss = model(x, y)\n    loss *= scale\n    loss.backward()", False),
        (LOOP + "    loss = model(x, y) / 8\n    loss.backward()", False),
        (LOOP + "    model(x, y).backward()", False),
        (LOOP + "    loss = model(x, y, num_items_in_batch=n)\n    loss.backward()", False),
        (LOOP + "    loss = model(x, y)\n    loss.backward()\nfor p in ps:\n    p.grad /= n", False),
        (LOOP + "    loss = model(x, y)\n    accelerator.backward(loss)", False),
        ("for micro_step in range(accumulate(3)):\n    loss = model(x, y)\n    loss.backward()", False),
        ("for step in range(steps):\n    loss = model(x, y)\n    loss.backward()\naccum = 3", False),
    ],
)
def test_what_is_seen_in_a_loop_over_a_range(text, seen):
    assert bool(of_text(text, "a.py", [RULE])) is seen
