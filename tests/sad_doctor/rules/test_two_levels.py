from pathlib import Path

import numpy as np
import pytest

from sad_doctor.check import check
from sad_doctor.rule import TooFew
from sad_doctor.rules.two_levels import RULE
from sad_doctor.run import Column, Run

UPPER = np.random.default_rng(0).random(96) < 0.4
STEPS = "steps: " + ", ".join(map(str, range(1, 97))) + "\n"


def two(name: str, low: float, high: float, seed: int = 1) -> str:
    value = np.where(UPPER, high, low) + np.random.default_rng(seed).normal(0, 0.02, UPPER.size)
    return f"{STEPS}{name}: {', '.join(f'{v:.4f}' for v in value)}\n"


LM = "steps: 96\ntrain/raw/lm: 5 -> 4 ~ 0.05\n"


def test_two_teachers_in_turn(judge):
    text = two("train/teacher_entropy", 2.7, 4.4) + two("train/raw/kd", 0.4, 0.9, seed=2) + LM
    (finding,) = judge(RULE, text)
    assert "2.7" in finding.headline
    assert "the term kd" in finding.headline
    assert "The term lm: one level" in finding.evidence
    assert finding.cause.startswith("Two teachers answer in turn")


def test_two_sources_of_text(judge):
    (finding,) = judge(RULE, two("train/teacher_lm_loss", 2.7, 4.4) + two("train/raw/lm", 3, 5, seed=2))
    assert finding.cause.startswith("The batches come from two sources")


def test_two_kinds_of_step(judge):
    (finding,) = judge(RULE, two("train/grad_norm", 1, 3) + LM)
    assert finding.cause.startswith("Two kinds of step")


def test_a_series_with_other_groups_does_not_go_with_it(judge):
    other = two("train/raw/kd", 0.4, 0.9)
    shuffled = other.splitlines()
    values = shuffled[1].split(": ")[1].split(", ")
    text = two("train/teacher_entropy", 2.7, 4.4) + f"{STEPS}train/raw/kd: {', '.join(values[5:] + values[:5])}\n"
    (finding,) = judge(RULE, text)
    assert "kd" not in finding.headline


@pytest.mark.parametrize("text", [LM, f"{LM}steps: 96\ntrain/raw/kd: 2 -> 0.5 ~ 0.1", two("train/raw/kd", 1, 1.05)])
def test_one_level(judge, text):
    assert judge(RULE, text) == []


def test_too_few(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 30\ntrain/loss: 5 -> 4")


def test_every_fourth_record_of_another_level_is_no_batch_that_repeats():
    random = np.random.default_rng(47)
    step = np.arange(800.0)
    far = step % 4 == 3
    fall = np.exp(-step / 144)
    kd = 0.45 + 1.55 * fall + 0.04 * random.normal(size=800) + 2.2 * far
    lm = 3.1 + 1.5 * fall + 0.08 * random.normal(size=800) + 4.8 * far
    columns = {"train/loss": kd + lm, "train/raw/kd": kd, "train/raw/lm": lm}
    report = check(Run("a", "JSON", Path("a"), columns={name: Column(step, value) for name, value in columns.items()}))
    story = next(story for story in report.stories if story.finding.name == "two-levels")
    assert report.stories[0] is story
    assert "batches-repeat" in [finding.name for finding in story.consequences]
