"""What is kept of a loss, with its graph or without."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.loss_keeps_its_graph import RULE

LOOP = """
def train(model, loader, optimizer):
    total, losses = 0, []
    for batch in loader:
        loss = model(batch)
        {}
    return total
"""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("loss.backward(); total += loss", True),
        ("loss.backward(); losses.append(loss)", True),
        ("accelerator.backward(loss); total += loss", True),
        ("scaler.scale(loss).backward(); total += loss", True),
        ("loss.backward(); total += loss.item()", False),
        ("loss.backward(); loss = loss.detach(); total += loss", False),
        ("loss.backward(); losses.append(float(loss))", False),
        ("loss.backward(); total += other", False),
        ("total += loss; total.backward()", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(LOOP.format(text), "a.py", [RULE])) is seen


def test_the_few_steps_of_a_test_are_no_training():
    text = LOOP.format("loss.backward(); total += loss")
    assert not of_text(text, "folder/test_a.py", [RULE])
    assert not of_text(text.replace("def train", "def test_train"), "a.py", [RULE])
