import pytest

from sad_doctor.finding import Level
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
