"""A loss that is made in each micro-batch and sent back in the last is named; one that is added up is not."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.backward_in_last_micro_batch import RULE

TEST = "if (i + 1) % accum == 0:\n"
LOOP = "for i, batch in enumerate(loader):\n    "


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (LOOP + f"loss = f(batch)\n    {TEST}        loss.backward()\n        opt.step()", True),
        (
            "class A:\n  def g(self):\n    loss = f()\n    if self.i % self.accum == 0:\n"
            "      loss.backward()\n      opt.step()",
            True,
        ),
        (LOOP + f"loss = f(batch)\n    loss.backward()\n    {TEST}        opt.step()", False),
        (LOOP + f"loss += f(batch)\n    {TEST}        loss.backward()\n        opt.step()", False),
        (LOOP + f"{TEST}        loss = f(batch)\n        loss.backward()\n        opt.step()", False),
        (LOOP + f"loss = f(batch)\n    {TEST}        loss.backward()\n    opt.step()", False),
        (LOOP + f"loss = f(batch)\n    {TEST}        loss.backward()\n    accum_log()", False),
        (
            LOOP
            + "loss = f(batch)\n    if (i + 1) % every == 0:  # accum\n        loss.backward()\n        opt.step()",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(text, "a.py", [RULE])) is seen
