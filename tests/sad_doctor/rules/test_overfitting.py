import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.overfitting import RULE

UP = "steps: 8 every 50\neval/lm_loss: 3.9, 3.2, 2.9, 2.8, 2.95, 3.1, 3.3, 3.5"


def test_a_training_that_rises_too_is_a_divergence(judge):
    assert len(judge(RULE, f"steps: 400\ntrain/loss: 4 -> 1 ~ 0.1\n{UP}")) == 1
    assert judge(RULE, f"steps: 400\ntrain/loss: 4 -> 2.8 -> 5 ~ 0.1\n{UP}") == []


def test_the_best_step_is_named(judge):
    (finding,) = judge(RULE, UP)

    assert "best at step 200 (2.8)" in finding.headline
    assert "step 200" in finding.remedy


@pytest.mark.parametrize(
    "values",
    ["3.9, 3.2, 2.9, 2.8, 2.95, 3.1, 2.7, 2.75", "3.9, 3.2, 2.9, 2.8, 2.82, 2.81, 2.83, 2.84", "3, 3.2, 3.1, 3.2, 3"],
)
def test_one_that_comes_back_or_hardly_rises(judge, values):
    count = values.count(",") + 1
    assert judge(RULE, f"steps: {count} every 50\neval/lm_loss: {values}") == []


def test_few_evaluations(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 3 every 50\neval/lm_loss: 1, 2, 3")


def test_a_total_is_compared_with_a_total(judge):
    """A term that comes in lifts both totals, while the label loss falls."""
    text = """
steps: 200
train/loss: 2 -> 2 -> 2.8 -> 2.7 ~ 0.02
train/raw/lm: 5.7 -> 5 ~ 0.02
steps: 8 every 25
eval/loss: 2.1, 2.0, 2.2, 2.5, 2.7, 2.75, 2.72, 2.7
"""
    assert judge(RULE, text) == []
