import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_does_not_follow import RULE

TRAIN = "steps: 100 every 10\ntrain/raw/lm: 5 -> 3 ~ 0.1\ntrain/raw/kd: 2 -> 0.5\n"


def test_a_projector_that_learns_moves_other_evaluations(judge):
    text = TRAIN + "steps: 5 every 200\neval/lm_loss: 5.02917\neval/raw/layerwise: 1.9 -> 1.7"

    (finding,) = judge(RULE, text)
    assert "5.02917 in all 5 evaluations" in finding.headline


def test_four_digits_need_more_evaluations(judge):
    assert len(judge(RULE, TRAIN + "steps: 8 every 100\neval/perplexity: 152.8")) == 1
    with pytest.raises(TooFew):
        judge(RULE, TRAIN + "steps: 4 every 200\neval/perplexity: 152.8")


def test_a_training_that_stays_too_is_frozen(judge):
    text = "steps: 100 every 10\ntrain/raw/lm: 5 ~ 0.1\nsteps: 5 every 200\neval/lm_loss: 5.02917"

    assert judge(RULE, text) == []


def test_a_total_may_fall_by_a_projector(judge):
    text = "steps: 100 every 10\ntrain/loss: 9 -> 3\ntrain/raw/layerwise: 6 -> 1\n"
    text += "steps: 5 every 200\neval/lm_loss: 5.02917"

    with pytest.raises(TooFew):
        judge(RULE, text)


def test_an_average_that_is_too_slow_hardly_follows(judge):
    text = "steps: 60 every 10\ntrain/raw/lm: 5.7 -> 4.5 ~ 0.05\nsteps: 7 every 80\neval/lm_loss: "
    (finding,) = judge(RULE, text + "5.681 -> 5.64313")
    assert finding.level == Level.WARNING
    assert "hardly follows" in finding.headline
    assert judge(RULE, text + "5.681 -> 4.90013") == []
    assert judge(RULE, text + "5.681 -> 5.6 -> 5.68013") == []


def test_a_weight_that_falls_in_both_is_no_lag(judge):
    text = "steps: 60 every 10\ntrain/weighted/lm: 5.7 -> 1.2 ~ 0.05\ntrain/loss: 8 -> 1.6 ~ 0.05\n"
    told = "steps: 10 every 60\neval/lm_loss: 5.681 -> 5.54313\neval/loss: "

    assert len(judge(RULE, text + told + "8 -> 7.8")) == 1
    assert judge(RULE, text + told + "8 -> 1.6") == []
