"""Each rule of sources names the marked lines of its faulty example; none names anything in a right one."""

from __future__ import annotations

import re

import pytest

from sad.source.read import of_text
from sad.source.rule import HERE
from sad.source.rules import rules

SECTIONS = ("What it looks for", "Why", "Not told where", "Fix", "Faulty", "Right", "Source")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_a_page_has_its_sections_and_its_examples_are_what_they_say(rule):
    assert tuple(re.findall(r"^## (.+)$", rule.page, re.MULTILINE)) == SECTIONS
    faulty, right = rule.example("Faulty"), rule.example("Right")
    marked = [number for number, line in enumerate(faulty.splitlines(), 1) if line.endswith(HERE)]
    assert marked
    assert sorted({one.line for one in of_text(faulty, "faulty.py", [rule])}) == marked
    assert of_text(right, "right.py") == []


def test_codes_and_names_are_of_one_rule_each():
    assert len({rule.code for rule in rules()}) == len({rule.name for rule in rules()}) == len(rules())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_a_comment_silences_it(rule):
    silenced = rule.example("Faulty").replace(HERE, f"# sad: ignore[{rule.code}]")
    assert of_text(silenced, "faulty.py", [rule]) == []
    other = rule.example("Faulty").replace(HERE, "# sad: ignore[S000]")
    assert of_text(other, "faulty.py", [rule])
