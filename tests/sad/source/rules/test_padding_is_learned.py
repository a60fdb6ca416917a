"""Copies of padded ids, and what masks them."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.padding_is_learned import RULE


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("out = tokenizer(texts, padding=True)\nout['labels'] = out['input_ids'].copy()", True),
        ("out = tokenizer(texts, padding='max_length')\nresult = {'labels': out.input_ids.squeeze()}", True),
        ("out = self.tokenizer(texts, padding='longest')\nids = out['input_ids']\nout['labels'] = ids.clone()", True),
        ("out = tokenizer(texts)\nout['labels'] = out['input_ids'].copy()", False),
        ("out = tokenizer(texts, padding=False)\nout['labels'] = out['input_ids'].copy()", False),
        ("out = tokenizer(texts, padding=True)\nout['labels'] = mask(out['input_ids'])", False),
        ("out = tokenizer(texts, padding=True)\nout['labels'] = out['input_ids'].copy()\nx[m == 0] = -100", False),
        (
            "out = tokenizer(x, padding=True)\nout['labels'] = out['input_ids']\nDataCollatorForLanguageModeling()",
            False,
        ),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(text, "a.py", [RULE])) is seen
