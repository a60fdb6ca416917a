"""A dict of strings answers to a column's name by what it is like."""

from __future__ import annotations

import pytest

from sad.judge.collators.asked import Strings, columns


def test_a_column_is_told_by_its_name():
    one = Strings("ask", "told")
    assert [one[name] for name in ("article", "user_query", "summary", "target_text", "history")] == [
        *("ask", "ask", "told", "told", "")
    ]
    assert (one.get("system"), one.get("weight", 7)) == ("", 7)
    with pytest.raises(KeyError):
        one["weight"]


def test_columns_hold_every_text():
    both = columns([Strings("a", "b"), Strings("c", "d")])
    assert (both["document"], both["answer"], both["system_prompt"]) == (["a", "c"], ["b", "d"], ["", ""])
