import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.certainty_disagrees import RULE

SURE = "entropy: 6.2 -> 5.4 -> 5.3 ~ 0.05"


def test_a_loss_that_is_a_sum(judge):
    (finding,) = judge(RULE, f"steps: 60\ntrain/loss: 49 -> 43 -> 42 ~ 0.5\n{SURE}")
    assert finding.level == Level.INFO
    assert "times the entropy" in finding.headline
    assert "micro-batches" in finding.cause


def test_a_student_that_grew_sure_of_what_is_wrong(judge):
    (finding,) = judge(RULE, "steps: 8 every 10\neval/loss: 6 -> 9\neval_entropy: 6 -> 0.5")
    assert "sure of what is wrong" in finding.cause


def test_a_loss_that_fell_far_below_the_entropy(judge):
    (finding,) = judge(RULE, "steps: 60\ntrain/loss: 6.2 -> 2.5 -> 2 ~ 0.05\nentropy: 6.2 -> 5 -> 4.6 ~ 0.05")
    assert "by heart" in finding.cause


def test_a_loss_below_the_cost_of_its_wrong_tokens(judge):
    text = "steps: 60\ntrain/raw/lm: 0.25 ~ 0.01\ntrain/raw/kd: 1\nmean_token_accuracy: 0.5 ~ 0.02"
    (finding,) = judge(RULE, text)
    assert "the least that the wrong 50" in finding.headline


@pytest.mark.parametrize(
    "text",
    [
        f"train/loss: 6.2 -> 5.4 -> 5.3 ~ 0.05\n{SURE}",
        "train/loss: 3.3 -> 3.1 ~ 0.05\nentropy: 3.6 ~ 0.05",
        # KD alone is neither of the labels nor about the entropy
        f"train/loss: 0.4 -> 0.2 ~ 0.01\n{SURE}",
        f"train/loss: 9 -> 6 ~ 0.1\ntrain/raw/kd: 3\ntrain/raw/lm: 5.3 ~ 0.05\n{SURE}",
        "train/raw/lm: 0.4 ~ 0.01\ntrain/raw/kd: 1\nmean_token_accuracy: 0.5 ~ 0.02",
        "train/raw/lm: 0.25 ~ 0.01\ntrain/raw/kd: 1\nmean_token_accuracy: 50 ~ 2",
    ],
)
def test_sound_runs_are_left_alone(judge, text):
    assert judge(RULE, f"steps: 60\n{text}") == []


def test_without_either_it_does_not_judge(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 60\ntrain/loss: 6 -> 5")
