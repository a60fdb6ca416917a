from pathlib import Path

import numpy as np
import pytest

from sad_doctor.finding import Finding
from sad_doctor.rules.counters_disagree import RULE
from sad_doctor.run import Column, Run

LOSS = "steps: 100\ntrain/loss: 5 -> 4 ~ 0.1\n"


@pytest.mark.parametrize(
    ("counter", "says"),
    [
        ("train/tokens: 0 -> 50000 -> 50000", "stands still"),
        ("train/tokens: 0 -> 20000 -> 100000", "a step at first"),
        ("train/epoch: 0.01 -> 0.5 -> 0.02 -> 0.5", "falls at step"),
    ],
)
def test_a_counter_that_does_not_count(judge, counter, says):
    (finding,) = judge(RULE, LOSS + counter)
    assert says in finding.headline


def test_a_jump_of_the_epoch(judge):
    more = "steps: 101, 102, 103, 104\ntrain/epoch: 3.01, 3.02, 3.03, 3.04"
    (finding,) = judge(RULE, f"{LOSS}train/epoch: 0.01 -> 1\n{more}")
    assert "jumps at step 101" in finding.headline


def test_steps_that_are_missing(judge):
    (finding,) = judge(RULE, f"{LOSS}steps: 901, 902, 903\ntrain/loss: 4, 4.1, 3.9")
    assert "from 100 to 901 at once" in finding.headline


@pytest.mark.parametrize("counter", ["train/tokens: 1000 -> 100000", "train/epoch: 0.01 -> 1", "train/epoch: 0, 0"])
def test_counters_that_count_are_left_alone(judge, counter):
    text = LOSS + counter if "," not in counter else f"{LOSS}steps: 50, 100\n{counter}"
    assert judge(RULE, text) == []


def test_whole_epochs_stand_still_by_themselves(judge):
    zeros, ones = ", ".join(["0"] * 50), ", ".join(["1"] * 50)
    assert judge(RULE, f"{LOSS}train/epoch: {zeros}, {ones}") == []


@pytest.mark.parametrize(("planned", "fires"), [(100, False), (97, False), (25, True)])
def test_steps_far_past_the_plan(judge, planned, fires):
    found = judge(RULE, f"{LOSS}fact total_steps: {planned}")
    assert bool(found) is fires
    assert all("4 times as many" in one.headline for one in found)


@pytest.mark.parametrize(("epoch", "fires"), [("0.0123", True), ("0", False), ("1", False)])
def test_a_fraction_that_stands_is_not_counted(judge, epoch, fires):
    found = judge(RULE, f"{LOSS}train/epoch: {epoch}")
    assert bool(found) is fires
    assert all("in all of its 100 records" in one.headline for one in found)


def _told(rows):
    columns = {"train/loss": Column(*(np.array(side, dtype=np.float64) for side in zip(*rows, strict=True)))}
    found = RULE.check(Run("a", "b", Path("c"), columns), RULE.thresholds)
    return [one.headline for one in found if isinstance(one, Finding)]


@pytest.mark.parametrize(
    ("noise", "says", "back"),
    [
        (0.2, "or each micro-batch is a record", "each its own"),
        (0.001, "two processes write one run", "two processes write one run"),
    ],
)
def test_steps_that_two_processes_write(noise, says, back):
    random = np.random.default_rng(0)
    level = 6 - np.arange(60) / 60 + random.normal(0, 0.1, 60)
    rows = [(step, float(level[step] + random.normal(0, noise))) for step in range(60) for _ in range(2)]
    (headline,) = _told(rows)
    assert says in headline
    # out of step with each other, the log goes back again and again
    (headline,) = _told(
        [row for at in range(0, 116, 4) for row in (rows[at], rows[at + 2], rows[at + 1], rows[at + 3])]
    )
    assert back in headline
    assert "goes back" in headline


def test_a_resume_is_told_elsewhere():
    level = [(step, 6 - step / 60 + 0.1 * (step % 3)) for step in range(100)]
    assert _told([*level[:60], *level[50:]]) == []
    assert _told(level) == []


@pytest.mark.parametrize(
    ("epochs", "fires"),
    [
        ([round(0.9 * step / 250, 2) for step in range(250)], False),
        ([round(0.9 * step / 250 + 0.2, 2) for step in range(250)], False),
        # it does not rise in the second half
        ([round(min(step, 125) / 125, 2) for step in range(250)], True),
        # it rises in a part of the records only
        ([round(max(0, step - 150) / 100, 2) for step in range(250)], True),
    ],
)
def test_a_counter_of_two_digits_stands_still_by_its_rounding(judge, epochs, fires):
    told = ", ".join(map(str, epochs))
    steps = ", ".join(str(10 * step) for step in range(250))
    assert bool(judge(RULE, f"steps: {steps}\ntrain/epoch: {told}")) is fires


def test_an_evaluation_that_repeats_the_epoch_of_an_older_record_is_no_other_pace(judge):
    steps = list(range(10, 310, 10))
    late = [f"steps: {step}\ntrain/loss: 4.5\ntrain/epoch: {0.002 * step:.4f}" for step in steps]
    early = [f"steps: {37 * n}\neval/loss: 4\ntrain/epoch: {0.002 * (37 * n // 10 * 10):.4f}" for n in range(1, 9)]
    assert judge(RULE, "\n".join(late + early)) == []
