"""A clip that is set, a window that has several micro-batches and more padding show what defaults hide."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.verdict import Standing

FILE = Path(__file__).parent / "second_looks.py"
PAIRS = [
    ("stepped_under_a_switch", "never_cleared_under_a_switch", "split_invariance", "away the second time"),
    ("clipped_once", "clipped_each", "configuration_has_effect", "clipped in each micro-batch"),
    ("unscaled_first", "clipped_while_scaled", "configuration_has_effect", "unscale_() the gradients"),
    ("halved_and_unscaled", "halved_while_scaled", "configuration_has_effect", "at half precision its gradient"),
    ("last_of_a_window", "first_of_a_window", "split_invariance", "away from that of one micro-batch"),
    ("PaddingLeft", "PaddingCounts", "text_length", "padding counts"),
]


@pytest.mark.parametrize(("right", "faulty", "by", "says"), PAIRS)
def test_the_right_one_holds_and_its_faulty_twin_is_told(right, faulty, by, says):
    _, lines = strange.judged(FILE, faulty, "step", (by,))
    assert lines[by].standing is Standing.BROKEN, lines
    assert says in lines[by].says
    _, lines = strange.judged(FILE, right, "step", (by,))
    assert lines[by].standing in (Standing.HOLDS, Standing.ALLOWED), lines


def test_rows_that_nobody_pads_are_not_asked_for_padding():
    _, lines = strange.judged(FILE, "rows_of_one_length", "step", ("text_length",))
    assert lines["text_length"].standing is Standing.HOLDS, lines
