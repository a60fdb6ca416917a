import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.student_no_better import RULE

STEPS = "fact total_steps: 1000\nsteps: 0, 200, 400, 600, 800, 1000\neval/lm_loss: "


def test_worse_in_all_of_the_last_is_an_error(judge):
    (worse,) = judge(RULE, STEPS + "3.4, 5, 4.5, 4.3, 4.2, 4.1")
    (same,) = judge(RULE, STEPS + "3.4, 3.5, 3.45, 3.42, 3.41, 3.4")

    assert (worse.level, same.level) == (Level.ERROR, Level.WARNING)
    assert "Lower" in worse.remedy
    assert "raise" in same.remedy


def test_nearer_to_the_teacher_is_a_hint(judge):
    (finding,) = judge(RULE, STEPS + "3.4, 3.5, 3.45, 3.42, 3.41, 3.4\neval/kl: 2 -> 1")

    assert finding.level == Level.INFO


@pytest.mark.parametrize(
    "text",
    [
        "steps: 500, 600, 800, 1000\neval/lm_loss: 3",
        "fact total_steps: 9000\nsteps: 0, 200, 400, 600\neval/lm_loss: 3",
        "steps: 0, 500, 1000\neval/lm_loss: 3",
    ],
)
def test_what_it_needs(judge, text):
    with pytest.raises(TooFew):
        judge(RULE, text)


def test_where_the_steps_go_back_the_first_evaluation_is_not_known(judge):
    with pytest.raises(TooFew, match="go back"):
        judge(RULE, "steps: 1, 2, 3, 4, 5, 1, 2, 3\neval/lm_loss: 5, 4.8, 4.6, 4.5, 4.4, 4.3, 4.2, 4.1")


def test_a_held_out_kd_that_falls_makes_it_a_hint(judge):
    text = "steps: 1, 50, 100, 150, 200\neval/lm_loss: 2.9, 2.9, 2.89, 2.89, 2.89\neval/raw/kd: "
    assert judge(RULE, text + "0.02, 0.01, 0.005, 0.003, 0.003")[0].level == Level.INFO
    assert judge(RULE, text + "0.02, 0.02, 0.02, 0.02, 0.02")[0].level == Level.WARNING
