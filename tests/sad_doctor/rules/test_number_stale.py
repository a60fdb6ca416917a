import contextlib

import numpy as np
import pytest

from sad_doctor.example import parse
from sad_doctor.finding import Finding, Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.number_stale import RULE


@pytest.mark.parametrize("beside", ["train/grad_norm: 1.2 -> 0.6 ~ 0.1", "train/raw/lm: 5 -> 4 ~ 0.1"])
def test_a_loss_that_is_one_number_while_another_series_moves(judge, beside):
    (finding,) = judge(RULE, f"steps: 40\ntrain/loss: 9.9314\n{beside}")
    assert finding.level == Level.WARNING
    assert "9.9314 in all 40 records" in finding.headline


def test_the_evaluation_tells_that_the_run_goes_on(judge):
    (finding,) = judge(RULE, "steps: 40\ntrain/loss: 9.9314\nsteps: 10, 20, 30\neval/loss: 9, 8, 7")
    assert "the evaluation loss changes" in finding.headline


def test_an_evaluation_is_a_witness_and_not_judged(judge):
    assert (
        judge(RULE, "steps: 40\ntrain/loss: 9 -> 8 ~ 0.1\nsteps: 10, 20, 30\neval/loss: 4.7818, 4.7818, 4.7818") == []
    )


def test_a_norm_after_the_clip_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 40\ntrain/loss: 9 -> 8 ~ 0.1\ntrain/grad_norm: 0.9998")
    assert finding.level == Level.INFO
    assert "after the clip" in finding.cause


def rows(values):
    return f"steps: {', '.join(str(step) for step in range(1, len(values) + 1))}\ntrain/raw/kd: {', '.join(values)}\n"


MOVES = "steps: 40\ntrain/raw/lm: 5.1 -> 4.3 ~ 0.05\n"


def test_a_number_that_is_kept_for_some_steps(judge):
    kept = [f"{1.9131 - 0.0317 * (at // 4):.4f}" for at in range(40)]
    (finding,) = judge(RULE, MOVES + rows(kept))
    assert finding.level == Level.INFO
    assert "computed now and then" in finding.headline


def test_a_number_that_is_held_at_a_bound(judge):
    held = [f"{max(1.0, 1.9131 - 0.0417 * at):.4f}" for at in range(40)]
    (finding,) = judge(RULE, MOVES + rows(held))
    assert finding.level == Level.WARNING
    assert "held at 1, to the last digit" in finding.headline


def test_repeats_by_rounding_and_in_all_numbers_do_not_count(judge):
    rounded = [f"{1.9 - 0.01 * (at // 4):.2f}" for at in range(40)]
    assert judge(RULE, MOVES + rows(rounded)) == []
    kept = [f"{1.9131 - 0.0317 * (at // 4):.4f}" for at in range(40)]
    both = rows(kept).replace("raw/kd", "raw/lm") + rows(kept)
    assert judge(RULE, both) == []


def test_a_whole_number_of_kd_beside_others_of_more_digits(judge):
    (finding,) = judge(RULE, MOVES + "train/raw/kd: 1")
    assert "The term kd is 1 in all 40 records" in finding.headline
    assert judge(RULE, MOVES + "train/raw/balance: 1") == []


@pytest.mark.parametrize(
    "text",
    [
        "steps: 40\ntrain/loss: 9 -> 8 ~ 0.1\ntrain/grad_norm: 1 ~ 0.1",
        # nothing moves: the weights' flag, not this one
        "steps: 40\ntrain/loss: 9.9314\ntrain/grad_norm: 0.7713",
        # printed too coarsely to tell
        "steps: 40\ntrain/loss: 2\ntrain/grad_norm: 1 ~ 0.1",
        # 0 is a term that vanishes
        "steps: 40\ntrain/loss: 9 -> 8 ~ 0.1\ntrain/raw/kd: 0",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def _values(count, noise, most=9.0):
    drawn = np.random.default_rng(0).normal(5, 3 * noise, count)
    return ", ".join(f"{min(most, value):.4f}" for value in drawn)


STANDS = "steps: 40\ntrain/loss: 9 -> 8 ~ 0.1\ntrain/raw/lm: 5 -> 4 ~ 0.1\n"
LATER = "steps: " + ", ".join(str(i) for i in range(41, 61)) + f"\ntrain/loss: {_values(20, 0.05)}\n"


def test_a_part_that_is_computed_no_more_from_some_step_on(judge):
    (finding,) = judge(RULE, STANDS + LATER + "train/raw/lm: 4.1234")
    assert finding.level == Level.WARNING
    assert "4.1234 in 20 of 60 records" in finding.headline
    assert finding.first_step == 41


def test_a_part_that_goes_on_is_left_alone(judge):
    assert judge(RULE, STANDS + LATER + f"train/raw/lm: {_values(20, 0.04)}") == []


def test_all_that_stands_still_together_is_no_single_number(judge):
    still = "steps: " + ", ".join(str(i) for i in range(41, 61)) + "\ntrain/loss: 8.0123\ntrain/raw/lm: 4.1234"
    assert judge(RULE, STANDS + still) == []


def test_a_loss_that_is_cut_at_a_limit(judge):
    steps = ", ".join(str(i) for i in range(60))
    (finding,) = judge(
        RULE, f"steps: {steps}\ntrain/loss: {_values(60, 0.1, 5.1234)}\ntrain/raw/lm: {_values(60, 0.04)}"
    )
    assert finding.level == Level.INFO
    assert "and never beyond" in finding.headline
    assert "limit" in finding.cause


@pytest.mark.parametrize(("loss", "fires"), [("9 -> 5", True), ("9.12 -> 5.17 ~ 0.1", False)])
def test_a_loss_without_its_digits(judge, loss, fires):
    steps = ", ".join(str(i) for i in range(40))
    first = ", ".join(str(9 - i // 10) for i in range(40)) if fires else loss
    found = judge(RULE, f"steps: {steps}\ntrain/loss: {first}\nsteps: 10, 20, 30\neval/loss: 9.1231, 8.4412, 7.3193")
    assert bool(found) is fires
    assert all("too few digits" in one.headline for one in found)


@pytest.mark.parametrize(("until", "fires"), [(50, True), (95, False)])
def test_a_loss_that_is_logged_no_more(judge, until, fires):
    steps = ", ".join(str(i) for i in range(1, until + 1))
    text = f"steps: 100\ntrain/lr: 1e-3 -> 1e-4\ntrain/grad_norm: 1 ~ 0.1\nsteps: {steps}\ntrain/loss: 9 -> 6 ~ 0.1"
    found = judge(RULE, text)
    assert bool(found) is fires
    assert all("logged no more after step 50" in one.headline for one in found)


def test_a_norm_of_one_round_number_beside_others_with_digits(judge):
    (finding,) = judge(RULE, "steps: 40\ntrain/loss: 9 -> 8 ~ 0.1\ntrain/grad_norm: 0.2")
    assert finding.level == Level.INFO
    assert "after the clip" in finding.cause


def test_a_loss_near_0_has_few_digits_by_itself(judge):
    steps = ", ".join(str(i) for i in range(40))
    values = ", ".join(f"{0.0003 + 0.0001 * (i % 2):.4f}" for i in range(40))
    text = f"steps: {steps}\ntrain/loss: {values}\nsteps: 10, 20, 30\neval/loss: 0.31231, 0.33412, 0.35193"
    assert judge(RULE, text) == []


def test_two_evaluations_that_agree_in_four_digits_are_an_end(judge):
    text = "steps: 60\ntrain/loss: 0.45 -> 0.31 ~ 0.01\ntrain/grad_norm: 0.02 ~ 0.004\n"
    text += "steps: 10, 20, 30, 40, 50, 60\neval/loss: 0.3218, 0.3039, 0.3024, 0.3018, 0.3017, 0.3017"

    assert judge(RULE, text) == []


def test_a_few_records_of_one_loss_are_a_hint():
    def few(text: str) -> list[Finding]:
        found = []
        with contextlib.suppress(TooFew):
            found = list(RULE.check(parse(text), RULE.thresholds))
        return [one for one in found if isinstance(one, Finding)]

    (hint,) = few("steps: 9 every 50\ntrain/loss: 10.375\ntrain/lr: 3e-5")
    assert hint.level == Level.INFO
    assert "10.375 in all 9 records" in hint.headline
    assert few("steps: 5 every 50\ntrain/loss: 10.375\ntrain/lr: 3e-5") == []
    assert few("steps: 9 every 50\ntrain/loss: 10.375 ~ 0.1\ntrain/lr: 3e-5") == []
