import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.falls_by_its_weights import RULE

FIXED = "steps: 200\ntrain/raw/kd: 5 ~ 0.05\ntrain/raw/lm: 2 ~ 0.02\ntrain/weight/lm: 1\n"


def test_weights_that_fall_are_named(judge):
    (finding,) = judge(RULE, FIXED + "train/weight/kd: 2 -> 1")

    assert "Weight of kd: 2, later 1" in finding.evidence
    assert judge(RULE, FIXED + "train/weight/kd: 1 -> 2") == []


def test_learning_beside_a_weight_that_falls(judge):
    text = "steps: 200\ntrain/raw/kd: 5 -> 2 ~ 0.05\ntrain/weight/kd: 2 -> 1\ntrain/raw/lm: 2\ntrain/weight/lm: 1"

    assert judge(RULE, text) == []


def test_a_weight_that_the_log_does_not_tell(judge):
    text = (
        "steps: 60\ntrain/weighted/lm: 2.5 -> 0.5 ~ 0.02\ntrain/loss: 4.5 -> 1 ~ 0.02\n"
        "steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60\neval/lm_loss: 5 -> 4.5\neval/loss: 4.5 -> 1"
    )
    (finding,) = judge(RULE, text)

    assert finding.level == Level.INFO
    assert "falls by a weight" in finding.headline
    with pytest.raises(TooFew):
        judge(RULE, text.replace("eval/loss: 4.5 -> 1", "eval/loss: 4.5 -> 4"))


def test_raw_values_that_are_weighted_tell_nothing(judge):
    text = "steps: 200\ntrain/loss: 7 -> 5\ntrain/raw/kd: 5 -> 3\ntrain/weight/kd: 2 -> 1\ntrain/raw/lm: 2"

    with pytest.raises(TooFew):
        judge(RULE, text + "\ntrain/weight/lm: 0.5")
