import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_seen import RULE

TRAINED = "steps: 100 every 5\ntrain/epoch: 0.2 -> 20\ntrain/loss: 5.2 -> 4.6 -> 4.1 -> 3.7 ~ 0.02"
ONCE = "steps: 100 every 5\ntrain/epoch: 0.01 -> 1\ntrain/loss: 5.2 -> 4.6 -> 4.1 -> 3.7 ~ 0.02"


def test_an_evaluation_that_follows_all_the_way(judge):
    (finding,) = judge(RULE, f"{TRAINED}\nsteps: 20 every 25\neval/loss: 5.2 -> 4.6 -> 4.1 -> 3.7")
    assert finding.level == Level.INFO
    assert "passes over the data" in finding.headline


def test_the_label_losses_are_compared_where_both_are_told(judge):
    text = f"{TRAINED}\ntrain/raw/lm: 5 -> 3 ~ 0.02\nsteps: 20 every 25\neval/loss: 9\neval/lm_loss: 5 -> 3"
    (finding,) = judge(RULE, text)
    assert "LM loss" in finding.headline


@pytest.mark.parametrize("evaluated", ["5.2 -> 4.8 -> 4.6 -> 4.6", "5.2 -> 4 -> 3 -> 2.7"])
def test_an_evaluation_of_its_own_is_left_alone(judge, evaluated):
    assert judge(RULE, f"{TRAINED}\nsteps: 20 every 25\neval/loss: {evaluated}") == []


def test_in_one_pass_both_fall_together(judge):
    assert judge(RULE, f"{ONCE}\nsteps: 20 every 25\neval/loss: 5.2 -> 4.6 -> 4.1 -> 3.7") == []


def test_too_few_evaluations(judge):
    with pytest.raises(TooFew):
        judge(RULE, f"{TRAINED}\nsteps: 3 every 160\neval/loss: 5, 4.1, 3.7")
