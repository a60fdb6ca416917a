"""A corpus in rows: marks between its texts are its own affair, padding that is learned is not."""

from __future__ import annotations

from pathlib import Path

import strange

from sad.verdict import Standing

FILE = Path(__file__).parent / "templates_of_their_own.py"


def test_marks_between_texts_are_left_alone():
    _, lines = strange.judged(FILE, "preprocess_packed", "collator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}
    assert lines["target_alignment"].says == "every token of a text is learned, padding is not"
    assert lines["batch_composition"].standing is Standing.ALLOWED


def test_learned_padding_is_broken():
    _, lines = strange.judged(FILE, "preprocess_learned", "collator", ("target_alignment",))
    assert lines["target_alignment"].standing is Standing.BROKEN
    assert "labels are those of padding: it is learned" in lines["target_alignment"].says
