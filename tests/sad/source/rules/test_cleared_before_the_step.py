"""What is cleared before its use, and what is cleared for another reason."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.cleared_before_the_step import RULE
from tests.sad.source.rules.loop_text import changed


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({"each": "optimizer.zero_grad()"}, True),
        ({"each": "model.zero_grad(set_to_none=True)"}, True),
        ({"each": "other.zero_grad()"}, False),
        ({"each": "if i == begin: optimizer.zero_grad()"}, False),
        ({"each": "if args.fresh: optimizer.zero_grad()"}, False),
        ({"each": "if i % accum == 0: optimizer.zero_grad()"}, False),
        ({"each": "if bad(batch):\n                optimizer.zero_grad()\n                continue"}, False),
        ({"each": "optimizer.zero_grad()", "back": "accumulator.backward(model(batch).loss)"}, False),
        ({"each": "optimizer.zero_grad()", "test": "i % n_critic == 0"}, False),
        ({"step": "optimizer.step(); optimizer.zero_grad()"}, False),
        ({"after": "loss.backward(); optimizer.zero_grad(); optimizer.step()"}, True),
        ({"after": "loss.backward(); opt_d.zero_grad(); optimizer.step()"}, False),
        ({"after": "loss.backward(); optimizer.step(); optimizer.zero_grad(); optimizer.step()"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(changed(text), "a.py", [RULE])) is seen
