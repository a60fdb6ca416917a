"""To drop a last window on purpose is no fault; to leave its gradient is."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.judge.judging import Code
from sad.judge.steps.dropped import SAYS, drops
from sad.judge.target import load
from sad.verdict import Standing

FILE = Path(__file__).parent / "dropping_steps.py"


@pytest.mark.parametrize(
    ("name", "standing", "says"),
    [
        ("floored", Standing.ALLOWED, "15 of 15 steps; a last window that is not full is dropped, as its source says"),
        ("leaks", Standing.BROKEN, "the gradient of a last window that it drops goes into the next step"),
        ("takes_it", Standing.BROKEN, "it says that it takes full windows only, and takes 4 steps where 2 are full"),
    ],
)
def test_a_last_window_may_be_dropped_by_who_says_so_and_clears_it(name, standing, says):
    _, lines = strange.judged(FILE, name, "step", ("step_accounting",))
    assert lines["step_accounting"].standing is standing
    assert says in lines["step_accounting"].says


def test_it_is_told_by_its_source():
    assert [drops(Code(load(f"{FILE}:{name}"))) for name in ("floored", "leaks", "silent")] == [True, True, False]
    for text in (
        "skip the last incomplete window",
        "a trailing micro-batch is ignored",
        "only full accumulation windows",
    ):
        assert SAYS.search(text), text
    for text in ("the last window steps too", "drop the last batch", "a full window of 4"):
        assert not SAYS.search(text), text
