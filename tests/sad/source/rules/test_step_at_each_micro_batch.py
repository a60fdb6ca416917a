"""An optimizer that steps at each micro-batch of a divided loss; silence where anything may hold it back."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.step_at_each_micro_batch import RULE

LOOP = "for batch in batches:\n    loss = model(batch)\n"
DIVIDED = LOOP + "    if accumulation_steps > 1:\n        loss /= accumulation_steps\n    loss.backward()\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (DIVIDED + "    optimizer.step()", True),
        (DIVIDED + "    self.optim.step()", True),
        (DIVIDED + "    if full(batch):\n        optimizer.step()", False),
        (DIVIDED + "optimizer.step()", False),
        (DIVIDED + "    scheduler.step()", False),
        (DIVIDED + "    if number % 2:\n        continue\n    optimizer.step()", False),
        ("accelerator = Accelerator()\n" + DIVIDED + "    optimizer.step()", False),
        (LOOP + "    loss.backward()\n    optimizer.step()\n    accumulated = 0", False),
        ("for w in windows:\n    for x in w:\n        (f(x) / accum_steps).backward()\n    optimizer.step()", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(text, "a.py", [RULE])) is seen
