"""Who sets the mode back, and whether the model is the same."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.evaluation_mode_stays import RULE

TEXT = """
def evaluate(model, loader):
    model.eval()
    {inside}

def train(model, loader, optimizer):
    {before}
    for epoch in range(3):
        {model}
        for batch in loader:
            model(batch).backward()
            optimizer.step()
        {behind}
"""
PLAIN = {"inside": "pass", "before": "model.train()", "model": "pass", "behind": "evaluate(model, loader)"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({}, True),
        ({"behind": "evaluate(loader=loader, model=model)"}, True),
        ({"behind": "model.eval()"}, True),
        ({"behind": "evaluate(teacher, loader)"}, False),
        ({"behind": "teacher.eval()"}, False),
        ({"inside": "model.train()"}, False),
        ({"behind": "evaluate(model, loader); model.train()"}, False),
        ({"model": "model = build()"}, False),
        ({"before": "pass"}, False),
        ({"behind": "elsewhere.evaluate(model)"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(TEXT.format(**PLAIN | text), "a.py", [RULE])) is seen
