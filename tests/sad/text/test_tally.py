"""What was left out is counted, told once a reason, with its first place."""

from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.text.tally import Tally


def test_a_line_for_each_reason() -> None:
    tally = Tally("a.csv")
    tally.rows, tally.kept = 1234, 1230
    for line in (7, 9, 11):
        tally.leave_out("that hold null", f"line {line}")
    tally.leave_out("that are empty", "line 8")
    tally.notice("spell <s>")
    told: list[str] = []
    tally.finish(told.append)
    assert told == [
        "a.csv: 3 of 1,234 rows left out that hold null (the first: line 7)",
        "a.csv: 1 of 1,234 rows left out that are empty (the first: line 8)",
        "a.csv: 1 of 1,230 documents spell <s>",
    ]


def test_nothing_odd_is_nothing_told() -> None:
    tally = Tally("a.csv")
    tally.rows = tally.kept = 3
    tally.numbers = 2
    tally.finish(pytest.fail)


def test_no_text_at_all_says_why() -> None:
    tally = Tally("a.csv")
    with pytest.raises(UserError, match=r"^a\.csv holds no text; name other text, or its column with data.column$"):
        tally.finish(None)
    tally.leave_out("that are empty", "line 8")
    with pytest.raises(UserError, match=r"^a.csv holds no text: 1 rows that are empty; name"):
        tally.finish(None)


def test_numbers_are_no_text() -> None:
    tally = Tally("a.csv")
    tally.kept = tally.numbers = 4
    with pytest.raises(UserError, match=r"holds numbers, not text: set data\.column"):
        tally.finish(None)
