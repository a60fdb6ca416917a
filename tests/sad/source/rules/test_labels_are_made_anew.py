"""Masks of labels beside the collator that makes labels anew, and beside others of its name."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.labels_are_made_anew import RULE

TEXT = """
{imports}
labels = {labels}
labels[:n] = {first}
collate = {collator}
"""
PLAIN = {
    **{"imports": "import transformers", "labels": "[-100] * n + ids[n:]", "first": "ids[:n]"},
    "collator": "transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)",
}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({}, True),
        ({"labels": "[IGNORE_INDEX] * n + ids[n:]"}, True),
        ({"labels": "ids", "first": "-100"}, True),
        ({"labels": "ids", "first": "[-100] * n"}, True),
        ({"labels": "ids"}, False),
        ({"labels": "[0] * n + ids[n:]"}, False),
        ({"collator": "transformers.DataCollatorForLanguageModeling(tokenizer)"}, False),
        ({"collator": "transformers.DataCollatorForLanguageModeling(tokenizer, mlm=args.mlm)"}, False),
        ({"collator": "transformers.DataCollatorForSeq2Seq(tokenizer)"}, False),
        ({"imports": "import trl", "collator": "trl.DataCollatorForLanguageModeling(tokenizer, mlm=False)"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(TEXT.format(**PLAIN | text), "a.py", [RULE])) is seen
