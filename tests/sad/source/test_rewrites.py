"""The faulty example of each rule, written in other ways, is named at the same lines.

`rewrites.txt` has a line for each way: ``old => new``, more of them behind ``&&``, a new line as ``\\n``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sad.source.read import of_text
from sad.source.rule import HERE
from sad.source.rules import rules

PARTS = re.split(r"^=== ", Path(__file__).with_name("rewrites.txt").read_text(), flags=re.MULTILINE)[1:]
REWRITES = {part[:4]: part.splitlines()[1:] for part in PARTS}


def rewritten(text: str, ways: str) -> str:
    """Return an example written in another way."""
    for way in ways.split(" && "):
        old, new = (one.replace("\\n", "\n") for one in way.split(" => "))
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("rule", [one for one in rules() if one.code in REWRITES], ids=lambda rule: rule.code)
def test_a_fault_is_named_however_it_is_written(rule):
    missed = []
    for ways in REWRITES[rule.code]:
        text = rewritten(rule.example("Faulty"), ways)
        marked = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith(HERE)]
        if sorted({one.line for one in of_text(text, "faulty.py", [rule])}) != marked:
            missed.append(ways)
    assert not missed


def test_every_rule_is_rewritten_five_times_or_more():
    assert {one.code for one in rules()} == REWRITES.keys()
    assert min(map(len, REWRITES.values())) >= 5
