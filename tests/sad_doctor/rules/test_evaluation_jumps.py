import pytest

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_jumps import RULE


def test_evaluations_of_other_texts_each_time(judge):
    (finding,) = judge(RULE, "steps: 12 every 50\neval/lm_loss: 5, 4.3, 4.7, 4.1, 4.6, 4, 4.5, 3.9, 4.4, 3.9, 4.4, 3.8")
    assert "jumps by about" in finding.headline


@pytest.mark.parametrize(
    "values",
    [
        "5, 4.7, 4.5, 4.35, 4.25, 4.15, 4.1, 4.05, 4.02, 4.0, 3.99, 3.98",
        # a plateau with the noise of many texts
        "4, 4.01, 3.99, 4.02, 3.98, 4.01, 4, 3.99, 4.01, 3.99, 4, 4.01",
        # one jump, and on
        "5, 4.7, 4.5, 4.35, 4.25, 4.9, 4.7, 4.6, 4.5, 4.45, 4.4, 4.38",
    ],
)
def test_a_curve_is_left_alone(judge, values):
    assert judge(RULE, f"steps: 12 every 50\neval/lm_loss: {values}") == []


def test_too_few_evaluations(judge):
    with pytest.raises(TooFew, match="8 evaluations"):
        judge(RULE, "steps: 4 every 50\neval/lm_loss: 5, 4, 5, 4")


def test_a_trend_hides_turns_of_large_jumps(judge):
    values = "4.96, 4.88, 4.75, 4.21, 4.0, 3.79, 3.55, 3.93, 3.64, 3.31, 3.39"
    assert len(judge(RULE, f"steps: 11 every 16\neval/lm_loss: {values}")) == 1


def test_jumps_of_half_a_level_are_a_warning(judge):
    (finding,) = judge(RULE, "steps: 10 every 26\neval/lm_loss: 3.6, 3.4, 3.1, 4.4, 2.9, 5.1, 2.8, 6.4, 2.8, 8.8")
    assert finding.level is Level.WARNING


def test_two_sets_in_turn_are_a_hint_however_far_apart(judge):
    (finding,) = judge(RULE, "steps: 10 every 26\neval/lm_loss: 5.1, 1.3, 5.0, 1.28, 4.9, 1.25, 4.85, 1.24, 4.8, 1.2")
    assert finding.level is Level.INFO


def test_what_the_last_of_them_says_goes_by_chance():
    text = (
        "steps: 260\ntrain/raw/lm: 4.7 -> 2.7 ~ 0.1\ntrain/raw/kd: 3 -> 0.5 ~ 0.05\nsteps: 10 every 26\neval/lm_loss: "
    )
    first = check(parse(text + "3.6, 3.4, 3.1, 4.4, 2.9, 5.1, 2.8, 6.4, 2.8, 8.8")).stories[0]
    assert first.finding.name == "evaluation-jumps"
    assert "perplexity-too-high" in [one.name for one in first.consequences]


@pytest.mark.parametrize("name", ["eval/loss", "eval/lm_loss"])
def test_jumps_of_a_small_loss_or_of_a_total_are_a_hint(judge, name):
    times = 1 if name == "eval/loss" else 0.1
    values = [times * value for value in (3.6, 3.4, 3.1, 4.4, 2.9, 5.1, 2.8, 6.4, 2.8, 8.8)]
    (finding,) = judge(RULE, f"steps: 10 every 26\n{name}: {', '.join(f'{value:.3f}' for value in values)}")
    assert finding.level is Level.INFO
