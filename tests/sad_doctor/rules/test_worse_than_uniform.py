import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.worse_than_uniform import RULE


def test_random_weights_start_a_little_above(judge):
    text = "fact vocabulary_size: 128\nsteps: 4 every 10\neval/lm_loss: "

    assert judge(RULE, text + "5.03, 5.03, 5.03, 5.03") == []
    (finding,) = judge(RULE, text + "5.03, 5.5, 5.6, 5.6")
    assert finding.level == Level.ERROR


def test_a_beginning_that_is_left_is_a_hint(judge):
    (finding,) = judge(RULE, "fact vocabulary_size: 49152\nsteps: 4 every 10\neval/lm_loss: 16, 9, 7, 5")

    assert finding.level == Level.INFO


def test_an_unknown_vocabulary_is_taken_as_the_largest(judge):
    assert judge(RULE, "steps: 4 every 10\neval/lm_loss: 13") == []
    (finding,) = judge(RULE, "steps: 4 every 10\neval/lm_loss: 22")
    assert "assumed" in finding.headline


@pytest.mark.parametrize(("beside", "level"), [("train/raw/kd: 11 -> 3 ~ 0.02\n", Level.INFO), ("", Level.ERROR)])
def test_a_part_beside_others_may_be_after_its_weight(judge, beside, level):
    # no two of three parts sum to the total, which is what a log without the third one shows
    text = f"steps: 60\ntrain/loss: 38 -> 20 ~ 0.05\ntrain/raw/ce: 22 -> 15 ~ 0.1\n{beside}"
    (finding,) = judge(RULE, text)
    assert finding.level == level


def test_an_evaluation_far_above_the_training_is_another_objective(judge):
    text = "fact vocabulary_size: 128\nsteps: 40\ntrain/raw/lm: 4\nsteps: 4 every 10\neval/lm_loss: 24"

    with pytest.raises(TooFew, match="not the same objective"):
        judge(RULE, text)


def test_a_label_loss_that_stays_at_guessing_while_kd_falls(judge):
    text = "fact vocabulary_size: 192\nsteps: 80\ntrain/raw/kd: 2 -> 1 ~ 0.02\nsteps: 8 every 10\neval/lm_loss: "

    (finding,) = judge(RULE, text + "5.4, 5.2, 5.2, 5.2, 5.2, 5.25, 5.27, 5.3")
    assert finding.level == Level.ERROR
    assert "no better than" in finding.headline
    assert judge(RULE, text + "5.4, 5, 4.8, 4.6, 4.4, 4.3, 4.2, 4.1") == []


def test_a_sum_is_told_with_what_to_divide_by(judge):
    tokens = [300 + (137 * i) % 1700 for i in range(60)]
    sums = [round(count * 2.5, 2) for count in tokens]
    text = f"steps: {', '.join(map(str, range(60)))}\ntrain/raw/ce: {', '.join(map(str, sums))}"

    (told,) = judge(RULE, text + f"\ntrain/tokens: {', '.join(map(str, tokens))}")
    (untold,) = judge(RULE, text)
    assert "over the number of tokens it is 2.5" in told.headline
    assert "a sum" in untold.cause
    assert "log that number" in untold.remedy


def test_a_part_of_unknown_weight_is_a_hint(judge):
    parts = "steps: 60\ntrain/loss: 25\ntrain/raw/lm: 15\ntrain/raw/kd: 10\n"
    (unknown,) = judge(RULE, parts)
    (known,) = judge(
        RULE, parts + "train/weight/lm: 1\ntrain/weight/kd: 1\ntrain/weighted/lm: 15\ntrain/weighted/kd: 10"
    )
    assert (unknown.level.name, known.level.name) == ("INFO", "ERROR")


def test_the_total_of_a_trainer_that_logs_token_accuracy_is_the_label_loss(judge):
    text = "steps: 60\ntrain/loss: 35 -> 9 -> 6 -> 5.5\nmean_token_accuracy: 0.01"
    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO
    assert "is 35 at step 1" in finding.headline
