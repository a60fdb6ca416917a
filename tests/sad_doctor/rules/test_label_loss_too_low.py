import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.label_loss_too_low import RULE

LOW = "steps: 10 every 100\neval/lm_loss: 9.8 -> 4 -> 0.1 -> 0.05 -> 0.05\n"


def test_no_text_costs_that_little(judge):
    (finding,) = judge(RULE, LOW)

    assert finding.level == Level.WARNING
    assert finding.headline.startswith("The evaluation's LM loss is 0.05 at the end")
    assert "not shifted" in finding.cause


def test_a_perplexity_counts_by_its_logarithm(judge):
    (finding,) = judge(RULE, "steps: 10 every 100\neval/perplexity: 9000 -> 50 -> 1.1 -> 1.05 -> 1.05")

    assert finding.headline.startswith("The logarithm of the perplexity is 0.0488")


def test_an_evaluation_that_is_high_overrules_the_training(judge):
    text = "steps: 10 every 100\neval/lm_loss: 9 -> 3\nsteps: 200\ntrain/raw/lm: 9 -> 0.1 ~ 0.01"
    assert judge(RULE, text) == []


def test_the_training_is_judged_where_nothing_was_evaluated(judge):
    assert judge(RULE, "steps: 200\ntrain/raw/lm: 9 -> 2 -> 0.1 -> 0.1 -> 0.1 ~ 0.01")
    with pytest.raises(TooFew):
        judge(RULE, "steps: 200\ntrain/raw/lm: 9 -> 0.1\nsteps: 3 every 50\neval/loss: 9 -> 5")


def test_far_below_the_teacher_is_a_hint(judge):
    text = "steps: 200\ntrain/raw/lm: 9 -> 1 -> 1 ~ 0.01\ntrain/teacher_lm_loss: 3 ~ 0.1"
    (finding,) = judge(RULE, text)

    assert finding.level == Level.INFO
    assert judge(RULE, text.replace("1 -> 1", "2 -> 2")) == []


def test_a_loss_of_exactly_0_is_a_term_that_vanished(judge):
    assert judge(RULE, "steps: 10 every 100\neval/lm_loss: 0") == []


def test_an_evaluation_of_next_to_nothing_may_be_the_label_loss(judge):
    text = "steps: 100\ntrain/loss: 4 -> 0.003 -> 0.003 -> 0.003\nsteps: 10 every 10\neval/loss: 0.003"

    (hint,) = judge(RULE, text)
    (alarm,) = judge(RULE, text + "\nmean_token_accuracy: 0.5 -> 0.9995")
    assert (hint.level, alarm.level) == (Level.INFO, Level.WARNING)
    assert "if it is the label loss" in hint.headline
    for quiet in (text.replace("loss: 4", "loss: 0.3"), text.replace("eval/loss: 0.003", "eval/loss: 0.3")):
        with pytest.raises(TooFew):
            judge(RULE, quiet)


def test_an_evaluation_without_labels_is_exactly_zero(judge):
    told = "steps: 5 every 20\neval/lm_loss: 0, 0, 0, 0, 0"
    (finding,) = judge(RULE, f"steps: 100\ntrain/raw/lm: 5 -> 4 ~ 0.1\n{told}")
    assert "it is not computed" in finding.headline
    # no labels in the training either: the term vanishes, which another rule tells
    assert judge(RULE, f"steps: 100\ntrain/raw/lm: 0\n{told}") == []


def test_a_label_loss_that_no_text_has_so_soon(judge):
    text = "steps: 60 every {}\ntrain/raw/ce: 6.2, 5.8, 4.1, 2.9, 1.4, 1.2, " + ", ".join(["1.1"] * 54)
    (finding,) = judge(RULE, text.format(2))
    assert "comes down from 6 to 1.4" in finding.headline
    assert finding.level.name == "INFO"
    assert judge(RULE, text.format(50)) == []
    assert judge(RULE, text.format(2).replace("6.2, 5.8", "3.2, 2.8")) == []


@pytest.mark.parametrize(
    ("told", "level"),
    [
        ("train/raw/task: 0.7 -> 0.01 -> 0.01 ~ 0.001", Level.INFO),
        ("train/raw/ce: 2.3 -> 0.01 -> 0.01 ~ 0.001\ntrain/acc1: 20 -> 99", Level.INFO),
        ("train/raw/ce: 2.3 -> 0.01 -> 0.01 ~ 0.001\ntest/accuracy: 0.2 -> 0.9", Level.INFO),
        ("train/raw/ce: 2.3 -> 0.03 ~ 0.005\nmean_token_accuracy: 0.2 -> 0.9", Level.WARNING),
        ("train/raw/lm: 2.3 -> 0.03 ~ 0.005\neval/agreement: 0.2 -> 0.9", Level.WARNING),
    ],
)
def test_what_may_be_of_classes_is_a_hint(judge, told, level):
    (finding,) = judge(RULE, f"steps: 100\n{told}")
    assert finding.level == level
    assert ("classes may" in finding.headline) is (level == Level.INFO)


@pytest.mark.parametrize("beside", ["train/acc1: 20 -> 90", "bbox_loss: 0.3 -> 0.1", "loss_giou: 0.6 -> 0.2"])
def test_classes_and_boxes_have_a_low_loss_by_right(judge, beside):
    assert judge(RULE, f"steps: 100\ntrain/raw/ce: 1.4 -> 0.2 ~ 0.01\n{beside}") == []


def test_a_total_of_which_nothing_is_left(judge):
    text = "steps: 200\ntrain/loss: 10.9 -> 4 -> 0.002 -> 0.002 -> 0.002 ~ 0.0001"
    (hint,) = judge(RULE, text)
    assert (hint.level, "from 10." in hint.headline) == (Level.INFO, True)
    for quiet in (text.replace("10.9", "0.9"), text.replace("0.002", "0.2")):
        with pytest.raises(TooFew):
            judge(RULE, quiet)


def test_a_teacher_that_knows_no_text_is_what_is_wrong(judge):
    text = "steps: 100\ntrain/teacher_lm_loss: {} ~ 0.05\ntrain/raw/ce: 5.6 -> 1.5 ~ 0.02"
    assert judge(RULE, text.format(6.5)) == []  # R214 tells it
    assert len(judge(RULE, text.format(4.8))) == 1
