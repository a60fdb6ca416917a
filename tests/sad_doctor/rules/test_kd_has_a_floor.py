import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.kd_has_a_floor import RULE

LABEL = "steps: 80\ntrain/raw/lm: 4.3 -> 3.1 -> 2.7 -> 2.5 -> 2.5 ~ 0.03\n"


def test_a_kd_that_keeps_most_beside_a_label_loss_that_falls_far(judge):
    (finding,) = judge(RULE, LABEL + "train/raw/kd: 9 -> 7.7 -> 7.2 -> 7 -> 7 ~ 0.05")
    assert finding.level == Level.INFO
    assert "which no text has. KD has a floor" in finding.headline


def test_one_that_settles_far_above_the_teacher(judge):
    (finding,) = judge(RULE, LABEL + "train/raw/kd: 9 -> 6.9 -> 6.1 -> 5.6 -> 5.6 ~ 0.05")
    assert finding.numbers["label_at_no_kd"] == pytest.approx(-0.46, abs=0.4)
    (finding,) = judge(RULE, LABEL + "train/raw/kd: 4 -> 2.8 -> 2.3 -> 2.1 -> 2.1 ~ 0.02")
    assert "far from where it settles" in finding.headline


@pytest.mark.parametrize(
    "kd",
    [
        # to the teacher, at any constant weight
        *("4 -> 1.8 -> 1 -> 0.6 -> 0.6 ~ 0.03", "0.4 -> 0.18 -> 0.1 -> 0.06 -> 0.06 ~ 0.003"),
        # a cross-entropy that ends at the teacher's entropy
        "4 -> 2.8 -> 2.3 -> 2.1 -> 2.1 ~ 0.02\ntrain/teacher_entropy: 2 ~ 0.02",
    ],
)
def test_others_are_left_alone(judge, kd):
    assert judge(RULE, f"{LABEL}train/raw/kd: {kd}") == []


def test_one_that_is_still_on_its_way_is_left_alone(judge):
    text = "steps: 80\ntrain/raw/lm: 5 -> 4.8 -> 4.6 -> 4.4 -> 4.2 ~ 0.02\ntrain/raw/kd: 2 -> 1.8 -> 1.7 -> 1.5 -> 1.4"
    assert judge(RULE, text) == []
    with pytest.raises(TooFew):
        judge(RULE, LABEL)
