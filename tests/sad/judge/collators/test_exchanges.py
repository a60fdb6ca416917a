"""What is wrong with a second exchange, a system's turn or an answer at the beginning alone is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.judge.target import load
from sad.verdict import Standing

FILE = Path(__file__).parent / "conversations.py"
ASKED = ("tokens_kept", "target_alignment")


@pytest.mark.parametrize("name", load(f"{FILE}:RIGHT"))
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(FILE, name, "collator", ASKED)
    assert {one: line.says for one, line in lines.items() if line.standing is not Standing.HOLDS} == {}
    assert what.endswith("masks prompts")


@pytest.mark.parametrize(("name", "word"), load(f"{FILE}:FAULTS").items())
def test_a_faulty_one_is_caught(name, word):
    _, lines = strange.judged(FILE, name, "collator", ("target_alignment",))
    assert lines["target_alignment"].standing is Standing.BROKEN, lines["target_alignment"].says
    assert word in lines["target_alignment"].says
