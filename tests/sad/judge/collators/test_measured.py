"""A length that may be that of a text or of its prompt is taken for what answers have a label by, or not guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.errors import UserError
from sad.verdict import Standing

FILE = Path(__file__).parent / "measured_collators.py"


def test_a_length_is_that_of_the_prompt_where_answers_have_a_label_only_so():
    _, lines = strange.judged(FILE, "FromPrompt", "collator", ("target_alignment",))
    assert lines["target_alignment"].standing is Standing.HOLDS, lines


def test_a_length_that_cannot_be_told_is_not_guessed():
    with pytest.raises(UserError, match="whether seq_len is the length of a text or of its prompt"):
        strange.judged(FILE, "FromOneBefore", "collator", ("target_alignment",))
