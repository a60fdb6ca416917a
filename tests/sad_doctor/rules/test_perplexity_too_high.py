import math

import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.perplexity_too_high import RULE


def test_before_half_it_waits(judge):
    with pytest.raises(TooFew, match=r"50\.0%"):
        judge(RULE, "fact total_steps: 1000\nsteps: 4 every 100\neval/perplexity: 5000")


def test_without_a_planned_length_it_takes_more_evaluations_that_stay_high(judge):
    (finding,) = judge(RULE, "steps: 9 every 100\neval/perplexity: 5000 -> 4900")
    assert finding.level == Level.WARNING
    assert "4,900 at step 900" in finding.headline

    assert judge(RULE, "steps: 9 every 100\neval/perplexity: 9000 -> 1500") == []
    with pytest.raises(TooFew, match="how many steps"):
        judge(RULE, "steps: 4 every 100\neval/perplexity: 5000")


@pytest.mark.parametrize(("steps", "told"), [(1000, "at the end of the run"), (900, "after 90.0% of the run")])
def test_all_of_a_run_is_its_end(judge, steps, told):
    (finding,) = judge(RULE, f"fact total_steps: 1000\nsteps: 100, {steps}\neval/perplexity: 5000")
    assert told in finding.headline


def test_lm_loss_stands_in_for_the_perplexity(judge):
    (finding,) = judge(RULE, "fact total_steps: 1000\nsteps: 6 every 100\neval/lm_loss: 9 -> 7.5")

    assert finding.numbers["perplexity"] == pytest.approx(math.exp(7.5))


def test_the_last_evaluation_decides(judge):
    text = "fact total_steps: 1000\nsteps: 600, 700\neval/perplexity: 1500, 900"

    assert judge(RULE, text) == []


@pytest.mark.parametrize(("steps", "told"), [("0, 10, 20", 6471), ("0, 10, 22", 6471), ("0, 10, 20, 30", 3602)])
def test_one_that_falls_is_a_hint_from_the_first_evaluation_after_half_on(judge, steps, told):
    values = ["135580", "26685", "6471", "3602"][: len(steps.split(", "))]
    (finding,) = judge(RULE, f"fact total_steps: 40\nsteps: {steps}\neval/perplexity: {', '.join(values)}")
    assert (finding.level, finding.numbers["perplexity"]) == (Level.INFO, told)

    values[-1] = values[-2]
    (finding,) = judge(RULE, f"fact total_steps: 40\nsteps: {steps}\neval/perplexity: {', '.join(values)}")
    assert finding.level == Level.ERROR


def test_infinity_is_above_and_a_blank_is_nothing(judge):
    text = "fact total_steps: 1000\nsteps: 500, 600, 700\neval/perplexity: inf, inf, nan"

    (finding,) = judge(RULE, text)
    assert "infinity after 60.0% of the run" in finding.headline
