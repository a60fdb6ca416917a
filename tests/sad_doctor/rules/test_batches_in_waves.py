import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.batches_in_waves import RULE

AT = np.arange(1, 121)
STEPS = "steps: " + ", ".join(map(str, AT)) + "\n"


def column(name: str, height: float, seed: int) -> str:
    value = 5 - 0.01 * AT + height * (AT % 12) + np.random.default_rng(seed).normal(0, 0.1, AT.size)
    return f"{STEPS}{name}: {', '.join(f'{v:.4f}' for v in value)}\n"


def test_batches_that_are_sorted_within_windows(judge):
    (finding,) = judge(RULE, column("train/teacher_lm_loss", 0.08, 0) + column("train/raw/lm", 0.08, 1))
    assert finding.headline.startswith("The teacher's loss on the labels goes up and down with a period of 12 steps")
    assert "With the same period: the term lm" in finding.evidence
    assert "sorted within a window" in finding.cause
    assert "something in the loop" not in finding.cause


def test_a_total_alone_may_be_the_loops(judge):
    (finding,) = judge(RULE, column("train/loss", 0.08, 0))
    assert "something in the loop" in finding.cause


@pytest.mark.parametrize(
    "text", [column("train/loss", 0.0, 0), column("train/raw/kd", 0.08, 0) + column("train/loss", 0, 1)]
)
def test_no_period(judge, text):
    assert judge(RULE, text) == []


def test_too_few(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 30\ntrain/loss: 5 -> 4")
