import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.lm_rises_while_kd_falls import RULE

KD = "steps: 300\ntrain/raw/kd: 4 -> 1 ~ 0.05\n"


def test_a_little_likelihood_may_be_given_up(judge):
    assert judge(RULE, KD + "train/raw/lm: 4 -> 4.1 -> 3.9 ~ 0.1") == []
    (finding,) = judge(RULE, KD + "train/raw/lm: 4 -> 5 ~ 0.1")
    assert finding.level == Level.WARNING


def test_the_evaluation_speaks_for_the_label_loss(judge):
    text = KD + "train/raw/lm: 4 -> 6 ~ 0.1\nsteps: 6 every 50\neval/lm_loss: "

    assert judge(RULE, text + "4, 3.8, 3.6, 3.5, 3.4, 3.3") == []
    (finding,) = judge(RULE, text + "4, 4.2, 4.6, 4.9, 5.2, 5.5")
    assert "the evaluation's LM loss rises" in finding.headline


def test_an_evaluation_that_parts_from_a_training_that_learns_is_told_by_others(judge):
    text = KD + "train/raw/lm: 4 -> 3 ~ 0.05\nsteps: 6 every 50\neval/lm_loss: 4, 4.2, 4.6, 4.9, 5.2, 5.5"
    assert judge(RULE, text) == []


def test_a_label_loss_that_stays_far_above_the_teacher(judge):
    text = KD + "steps: 8 every 40\neval/lm_loss: 5.4, 5.2, 5.2, 5.2, 5.2, 5.21, 5.22, 5.23\n"

    assert [f.level for f in judge(RULE, text)] in ([], [Level.INFO])
    (finding,) = judge(RULE, f"{text}steps: 1, 2\nteacher/lm_loss: 3.1, 3.1")
    assert finding.level == Level.WARNING


def test_a_label_loss_that_stays_is_not_said_to_rise(judge):
    (finding,) = judge(RULE, "steps: 300\ntrain/raw/kd: 4 -> 1 ~ 0.02\ntrain/raw/lm: 2.4 -> 2.405 ~ 0.005")

    assert "does not fall" in finding.headline
    assert "other text" not in finding.headline


def test_a_level_label_loss_beside_a_kd_that_falls_far_is_a_hint(judge):
    (finding,) = judge(RULE, KD + "train/raw/lm: 4.56 -> 4.49 ~ 0.005")
    assert finding.level == Level.INFO
    # a fall that is sure, and small beside that of KD
    assert [f.level for f in judge(RULE, KD + "train/raw/lm: 4.56 -> 4.48 ~ 0.005")] == [Level.INFO]
    assert judge(RULE, KD + "train/raw/lm: 4.56 -> 4.1 ~ 0.005") == []


def test_how_far_kd_must_fall_beside_a_label_loss_that_stays(judge):
    text = "steps: 300\ntrain/raw/kd: 4 -> 4 -> {} -> {} ~ 0.02\ntrain/raw/lm: 4.5 ~ 0.005"
    assert [f.level for f in judge(RULE, text.format(2.8, 2.8))] == [Level.INFO]
    assert judge(RULE, text.format(3.3, 3.3)) == []
    # of a student that knows nothing less is far
    (finding,) = judge(RULE, text.format(3.3, 3.3) + "\nfact vocabulary_size: 90")
    assert finding.level == Level.WARNING


def test_too_few_records_of_the_label_loss(judge):
    with pytest.raises(TooFew):
        judge(RULE, KD + "steps: 10\ntrain/raw/lm: 4 -> 5")


def test_an_evaluation_that_ends_above_its_best_has_risen(judge):
    """Though it ends no higher than it began, which is all that the two ends tell."""
    text = "steps: 300\ntrain/raw/kd: 4 -> 1 ~ 0.05\nsteps: 12 every 25\neval/lm_loss: 5, 4, 3.2, 3, 3, 3, 3.2, "

    (finding,) = judge(RULE, text + "3.4, 3.6, 3.8, 3.9, 3.9")
    assert "rises" in finding.headline
    assert judge(RULE, text + "3.1, 3, 3, 3, 3") == []


def test_an_evaluation_that_turns_in_a_first_pass_is_a_hint(judge):
    text = (
        "steps: 100\ntrain/raw/kd: 24 -> 20 -> 17 -> 15 ~ 0.2\ntrain/raw/lm: 5.7 -> 5.1 -> 5 -> 5.1 ~ 0.1\n"
        "train/epoch: 0.01 -> {}\nsteps: 10 every 10\n"
        "eval/lm_loss: 5.7, 5.5, 5.2, 4.9, 4.83, 4.84, 4.89, 4.94, 4.96, 4.97"
    )
    (finding,) = judge(RULE, text.format("0.4"))
    assert finding.level == Level.INFO
    assert "rises (4.83, later" in finding.headline
    assert judge(RULE, text.format("4")) == []
