"""What a log can show: outside of the sound runs of its setting, of any, or of none."""

from __future__ import annotations

import numpy as np
from planted import ceiling
from planted.missed import Missed
from planted.verdict import Verdict

from sad_doctor import names
from sad_doctor.example import parse


def numbers(first: float, last: float, noise: float = 0.05) -> ceiling.Numbers:
    text = f"steps: 80\ntrain/raw/kd: {first} -> {last} ~ {noise}\ntrain/raw/lm: 5 -> 3 ~ 0.05\neval/lm_loss: 5 -> 3"
    return ceiling.numbers(parse(text))


TWINS = [numbers(3 + 0.01 * n, 1 + 0.01 * n) for n in range(4)]
EVERY = [*TWINS, *(numbers(2 + 0.2 * n, 1 + 0.2 * n) for n in range(16))]


def test_three_classes():
    margins = ceiling.margin(ceiling.without_itself([TWINS])), 0.5

    assert ceiling.sort_out(numbers(3.015, 1.015), TWINS, EVERY, margins) == (ceiling.LIKE, [])
    what, why = ceiling.sort_out(numbers(4.2, 3.2), TWINS, EVERY, margins)
    assert what == ceiling.TWIN
    assert names.RAW + "kd" in why[0][1]
    assert ceiling.sort_out(numbers(3, 300), TWINS, EVERY, margins)[0] == ceiling.ALONE


def test_what_is_not_finite_or_not_there_is_a_number_too():
    broken = ceiling.numbers(parse("steps: 4\ntrain/loss: nan, nan, 0, inf\ntrain/raw/kd: 1 -> 2"))

    assert broken["train/loss: share that is not finite"] == 0.75
    assert all(np.isfinite(value) for value in broken.values())


def test_how_far_counts_is_taken_from_healthy_logs_of_other_kinds():
    a, b, far = ({"x": value} for value in (1.0, 1.1, 9.0))
    rest = [{"x": value} for value in (1.0, 1.02, 1.05, 1.1)]
    known = [("one", a), ("two", b), ("three", far), *(("four", one) for one in rest)]

    assert ceiling.margin(ceiling.without_its_kind(known[:2] + known[3:]), 0.0) == 0.0
    assert ceiling.margin(ceiling.without_its_kind(known), 0.0) > 50


def test_only_what_was_missed_is_looked_at(tmp_path):
    right, missed = (Verdict("NeverSteps", True, 0, "folder", "all", ("a",), said) for said in ("a", "b"))
    unseen = Verdict("HeadFrozen", True, 0, "folder", "all", (), "b", why_not="invisible")
    healthy = Verdict("Plain", False, 0, "folder", "all", (), "b", worst=2)

    assert Missed([right, missed, unseen, healthy], "dev", tmp_path, ()).wrong() == [missed]
