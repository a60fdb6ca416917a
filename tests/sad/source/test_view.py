"""A reading as text and as JSON."""

from __future__ import annotations

import json

from sad.source.read import Place, Reading
from sad.source.rule import Level
from sad.source.view import document, lines

ONE = Place("a.py", 3, 7, "S102", "kl-of-other-forms", Level.WRONG, "kl_div takes …")


def test_a_line_a_place_and_a_sum():
    shown = lines(Reading(2, (ONE,), ("b.py: no",)))
    assert shown[:2] == ["a.py:3:7: S102 wrong: kl_div takes …", "not read: b.py: no"]
    assert shown[-1] == "2 files read, not run: 1 wrong, 0 to look at (sad explain S102)"
    assert lines(Reading(1, (), ()))[-1].startswith("1 file read, not run: nothing seen.")


def test_json_has_all_of_it():
    told = json.loads(document(Reading(2, (ONE,), ("b.py: no",))))
    assert told["files"] == 2
    assert told["skipped"] == ["b.py: no"]
    assert told["places"] == [
        {
            **{"path": "a.py", "line": 3, "column": 7, "code": "S102", "name": "kl-of-other-forms"},
            **{"level": "wrong", "says": "kl_div takes …"},
        }
    ]
