"""Copies of padded ids, and what masks them."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.padding_is_learned import RULE

REST = """def f(ids, prompt, longest, tokenizer):
    {}
    return {{"input_ids": ids, "labels": {}}}
"""
FILLED, ALL = "ids = ids + [tokenizer.pad_token_id] * (longest - len(ids))", "[-100] * prompt + ids[prompt:]"
ASKED = "ids = tokenizer(ids, padding='max_length')['input_ids'][:-1]"


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
        (REST.format(FILLED, ALL), True),
        (REST.format(ASKED, ALL), True),
        (REST.format(ASKED, "[IGNORE_INDEX] * prompt + ids[prompt:]"), True),
        (REST.format("pad = 0", ALL), False),
        (REST.format(FILLED, "[-100] * prompt + ids[prompt:length]"), False),
        (REST.format(FILLED, "[-100] * prompt + ids[prompt:length] + [-100] * pad"), False),
        (REST.format(FILLED + "; keep = lambda one: -100 if one == 0 else one", ALL), False),
        (REST.format(ASKED.replace("'max_length'", "False"), ALL), False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(text, "a.py", [RULE])) is seen
