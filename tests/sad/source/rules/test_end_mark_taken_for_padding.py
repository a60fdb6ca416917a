"""Masks by the padding mark, by every way to write one."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.end_mark_taken_for_padding import RULE

HEAD = "tokenizer.pad_token = tokenizer.eos_token\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("labels[labels == tokenizer.pad_token_id] = -100", True),
        ("labels[ids.eq(tokenizer.pad_token_id)] = IGNORE_INDEX", True),
        ("labels = torch.where(ids == tokenizer.pad_token_id, -100, ids)", True),
        ("labels = ids.masked_fill(ids == self.tokenizer.pad_token_id, -100)", True),
        ("labels = [-100 if one == tokenizer.pad_token_id else one for one in ids]", True),
        ("out = dict(attention_mask=ids.ne(tokenizer.pad_token_id).long())", False),
        ("out = {'attention_mask': (ids != tokenizer.pad_token_id).to(int)}", False),
        ("attention_mask = ids != tokenizer.pad_token_id", False),
        ("labels[labels == other.pad_token_id] = -100", False),
        ("rows[labels == tokenizer.pad_token_id] = 0", False),
        ("text = [one for one in ids if one != tokenizer.pad_token_id]", False),
        ("tokens = (ids != tokenizer.pad_token_id).sum()", False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(HEAD + text, "a.py", [RULE])) is seen
