"""Means of means, and means over labels."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.perplexity_of_unequal_batches import RULE

TEXT = """
def evaluate(model, loader):
    total, losses, n = 0, [], 0
    for batch in loader:
        {each}
    return math.exp({of})
"""
PLAIN = {"each": "total += model(**batch).loss.item()", "of": "total / len(loader)"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({}, True),
        ({"each": "loss = model(**batch).loss; total += loss.detach().float()"}, True),
        ({"each": "loss = model(**batch).loss * n; total += loss.item()"}, False),
        ({"each": "total += model(**batch).loss.item() * batch['n']"}, False),
        ({"each": "total += F.cross_entropy(a, b, reduction='sum')  # loss"}, False),
        ({"of": "total / len(loader.dataset)"}, False),
        ({"of": "total / n"}, False),
        ({"each": "block_size = 512; total += model(**batch).loss.item()"}, False),
        (
            {"each": "labels[:, :-9] = -100; losses.append(model(**batch).loss)", "of": "torch.stack(losses).mean()"},
            True,
        ),
        ({"each": "losses.append(model(**batch).loss)", "of": "torch.stack(losses).mean()"}, False),
        (
            {
                "each": "labels[:, :-9] = -100; losses.append(model(**batch).loss * 9)",
                "of": "torch.stack(losses).mean()",
            },
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(TEXT.format(**PLAIN | text), "a.py", [RULE])) is seen
