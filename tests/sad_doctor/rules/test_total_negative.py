import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.total_negative import RULE


@pytest.mark.parametrize("loss", ["2 -> -3 ~ 0.1", "-0.7 ~ 0.05"])
def test_a_loss_below_zero_is_a_hint(judge, loss):
    (finding,) = judge(RULE, f"steps: 40\ntrain/loss: {loss}")
    assert finding.level == Level.INFO
    assert "below zero" in finding.headline


@pytest.mark.parametrize("loss", ["2 -> 0.02 ~ 0.005", "3 ~ 0.1", "0"])
def test_others_are_left_alone(judge, loss):
    assert judge(RULE, f"steps: 40\ntrain/loss: {loss}") == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 5\ntrain/loss: -1")


@pytest.mark.parametrize(
    ("loss", "evaluated", "level"),
    [
        ("-9 -> -6 ~ 0.1", "9, 8, 7, 6", Level.WARNING),
        ("9 -> 6 ~ 0.1", "-9, -8, -7, -6", Level.WARNING),
        ("-9 -> -6 ~ 0.1", "4, 3.8, 3.5, 3", Level.INFO),  # another number
        ("-9 -> -6 ~ 0.1", "-9, -8, -7, -6", Level.INFO),
    ],
)
def test_a_sign_that_is_turned_on_one_side_only(judge, loss, evaluated, level):
    (finding,) = judge(RULE, f"steps: 40\ntrain/loss: {loss}\nsteps: 10, 20, 30, 40\neval/loss: {evaluated}")
    assert finding.level == level
    assert ("sign is turned" in finding.headline) is (level == Level.WARNING)


def test_a_negative_label_loss_of_the_evaluation_is_a_hint(judge):
    text = "steps: 40\ntrain/loss: 9 -> 6 ~ 0.1\nsteps: 10, 20, 30, 40\neval/lm_loss: -4, -3, -2, -1"
    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO


def test_the_loss_of_a_policy_may_be_negative(judge):
    with pytest.raises(TooFew, match="rewards"):
        judge(RULE, "steps: 40\ntrain/loss: 0.1 -> -0.3 ~ 0.1\nreward: 0 -> 1")
