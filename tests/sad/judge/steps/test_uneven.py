"""A mean of means is right for micro-batches of one size, and rows of a matrix have one length."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.verdict import Standing


@pytest.mark.parametrize("name", ["means", "blocks"])
def test_a_last_micro_batch_that_is_short_may_weigh_as_much_as_the_others(name):
    _, lines = strange.judged(Path(__file__).parent / "uneven_steps.py", name, "step", ("split_invariance",))
    assert lines["split_invariance"].standing is Standing.ALLOWED
    assert "a last micro-batch that is short weighs as much as a full one" in lines["split_invariance"].says
