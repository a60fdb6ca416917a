import pytest

from sad_doctor.example import parse
from sad_doctor.finding import Finding, Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.measures_part import RULE

LOSS = "steps: 8 every 50\neval/loss: 5, 4.6, 4.3, 4.1, 4, 3.9, 3.8, 3.8"
DOWN = "0.5, 0.48, 0.45, 0.41, 0.38, 0.35, 0.33, 0.32"


@pytest.mark.parametrize("name", ["eval/agreement", "eval_mean_token_accuracy", "eval_rougeL", "val/xsum/rouge1"])
def test_a_measure_that_gets_worse(judge, name):
    (finding,) = judge(RULE, f"{LOSS}\n{name}: {DOWN}")
    assert finding.level == Level.INFO
    assert "one of them does not measure the student" in finding.headline


@pytest.mark.parametrize(
    "values", ["0.3, 0.34, 0.33, 0.38, 0.41, 0.42, 0.44, 0.43", "0.5, 0.5, 0.49, 0.48, 0.47, 0.47, 0.46, 0.46"]
)
def test_one_that_grows_or_keeps_its_level(judge, values):
    assert judge(RULE, f"{LOSS}\neval/agreement: {values}") == []


def test_a_rate_of_errors_that_rises_and_a_measure_that_stands(judge):
    (rises,) = judge(RULE, f"{LOSS}\neval_wer: {', '.join(reversed(DOWN.split(', ')))}")
    assert "wer rises from" in rises.headline
    for name in ("eval_wer", "eval/agreement"):
        (stands,) = judge(RULE, f"{LOSS}\n{name}: {', '.join(['0.5'] * 8)}")
        assert "is 0.5 each time" in stands.headline
    assert judge(RULE, f"{LOSS}\neval_wer: {DOWN}") == []


def test_a_loss_that_rises_is_another_picture(judge):
    assert (
        judge(RULE, f"steps: 8 every 50\neval/loss: 4, 4, 4.1, 4.2, 4.3, 4.4, 4.5, 4.6\neval/agreement: {DOWN}") == []
    )


def test_without_a_measure_it_does_not_judge(judge):
    with pytest.raises(TooFew):
        judge(RULE, f"{LOSS}\neval_runtime: {DOWN}")


def test_the_accuracy_of_the_training(judge):
    text = "steps: 40\ntrain/loss: 2.1 -> 1.2 ~ 0.05\nmean_token_accuracy: {} ~ 0.003"
    (finding,) = judge(RULE, text.format("0.56 -> 0.3"))
    assert "while the training's loss falls" in finding.headline
    assert judge(RULE, text.format("0.4 -> 0.5")) == []


@pytest.mark.filterwarnings("error")
def test_a_loss_without_a_finite_value_is_left_to_others():
    run = parse("steps: 6\neval/loss: nan\neval_accuracy: 0.06101")
    assert [one for one in RULE.check(run, RULE.thresholds) if isinstance(one, Finding)] == []
