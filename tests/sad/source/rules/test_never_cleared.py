"""Steps where nothing clears, and every sign that something may."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.never_cleared import RULE

LOOP = """
def train(model, loader, optimizer, scaler):
    for batch in loader:
        {}
"""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("model(batch).backward(); optimizer.step()", True),
        ("scaler.scale(model(batch)).backward(); scaler.step(optimizer)", True),
        ("model(batch).backward(); optimizer.step(); model.zero_grad()", False),
        ("model(batch).backward(); optimizer.step()\n        for p in ps: p.grad = None", False),
        ("engine.backward(model(batch)); optimizer.step()", False),
        ("model(batch).backward(); optimizer.step(closure)", False),
        ("model(batch).backward(); scheduler.step()", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(LOOP.format(text), "a.py", [RULE])) is seen


def test_the_few_steps_of_a_test_are_no_training():
    text = LOOP.format("model(batch).backward(); optimizer.step()")
    assert not of_text(text, "folder/test_a.py", [RULE])
    assert not of_text(text.replace("def train", "def test_train"), "a.py", [RULE])
