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
