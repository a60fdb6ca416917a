import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_better import RULE

TRAIN = "steps: 100\ntrain/raw/lm: 5 -> 4 ~ 0.1\nsteps: 5 every 20\neval/lm_loss: "


def test_an_evaluation_far_below_the_training(judge):
    (finding,) = judge(RULE, TRAIN + "4.8, 3.4, 3.2, 3, 2.9", evaluations=3)
    assert "below the training's" in finding.headline
    assert finding.numbers["below"] > 0.2


@pytest.mark.parametrize("evaluated", ["4.8, 4.6, 4.4, 4.2, 4.0", "4.8, 4.4, 4.1, 3.9, 3.7", "4.8, 5, 5.2, 5.4, 5.6"])
def test_one_that_is_near_or_worse_is_left_alone(judge, evaluated):
    assert judge(RULE, TRAIN + evaluated, evaluations=3) == []


def test_a_total_is_no_label_loss(judge):
    with pytest.raises(TooFew, match="label loss"):
        judge(RULE, "steps: 100\ntrain/loss: 5 -> 4\nsteps: 5 every 20\neval/lm_loss: 2, 2, 2, 2, 2")


def test_two_totals_must_lie_further_apart(judge):
    text = "steps: 100\ntrain/loss: 8 -> 7 ~ 0.1\nsteps: 5 every 20\neval/loss: "
    assert len(judge(RULE, text + "2.4, 2.2, 2, 1.9, 1.8", evaluations=3)) == 1
    assert judge(RULE, text + "6.9, 6, 5.5, 5, 4.6", evaluations=3) == []


def test_a_label_loss_that_may_be_weighted_is_not_compared(judge):
    text = (
        "steps: 100\ntrain/loss: 25\ntrain/raw/lm: 15\ntrain/raw/kd: 10\nsteps: 5 every 20\neval/lm_loss: 5, 4, 4, 4, 4"
    )
    with pytest.raises(TooFew, match="may be weighted"):
        judge(RULE, text)
