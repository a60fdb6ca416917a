import math

import pytest

from sad_doctor.example import parse
from sad_doctor.finding import Reading
from sad_doctor.rule import TooFew
from sad_doctor.rules.weights_frozen import RULE


def test_evidence_of_evaluation_and_rate_is_told_together(judge):
    (finding,) = judge(RULE, "steps: 100 every 10\ntrain/lr: 0\nsteps: 499, 999\neval/loss: 51.7094, 51.7094")

    assert finding.headline.startswith("The weights never moved")
    assert "51.7094 at steps 499 and 999" in finding.evidence[0]
    assert "100 of 100" in finding.evidence[1]
    assert finding.numbers == {"value": 51.7094, "evaluations": 2, "lr_zero_records": 100, "lr_records": 100}


def test_one_repetition_at_the_end_of_a_decay_is_chance(judge):
    text = "steps: 6 every 100\neval/loss: 3.8123, 3.4456, 3.3001, 3.2912, 3.2907, 3.2907\ntrain/lr: 1e-3 -> 0"

    assert judge(RULE, text) == []


def test_one_repetition_of_a_full_float_is_proof(judge):
    text = "steps: 5 every 100\neval/loss: 3.81231234, 3.44561234, 3.30012345, 3.29071234567, 3.29071234567\n"

    (finding,) = judge(RULE, text + "steps: 51 every 10\ntrain/loss: 4 -> 3")
    assert finding.headline.startswith("The weights stopped moving at step 400")
    assert finding.first_step == 400


@pytest.mark.parametrize(("before", "fires"), [("3.9", True), ("3.2914", False)])
def test_an_evaluation_that_stops_in_mid_flight_and_one_that_creeps_to_rest(judge, before, fires):
    text = f"steps: 5 every 100\neval/loss: 4.8123, {before}, 3.29107, 3.29107, 3.29107\ntrain/lr: 1e-3"

    assert bool(judge(RULE, text)) is fires


def test_an_evaluation_that_rests_when_the_schedule_has_ended_is_fine(judge):
    text = "steps: 5 every 100\neval/loss: 4.8123, 3.9, 3.29, 3.2907123456, 3.2907123456\n"

    assert judge(RULE, text + "train/lr: 1e-3, 9e-4, 5e-4, 1e-6, 0") == []


def test_four_digits_that_repeat_often_are_proof(judge):
    (finding,) = judge(
        RULE, "steps: 99 every 10\ntrain/loss: 4 ~ 0.2\ntrain/lr: 2e-5\nsteps: 9 every 100\neval/loss: 3.142"
    )
    assert "in 9 evaluations" in finding.headline


@pytest.mark.parametrize("text", ["steps: 4 every 100\neval/loss: 3.142", "steps: 30 every 100\neval/loss: 3.1"])
def test_too_few_digits_are_no_acquittal(judge, text):
    with pytest.raises(TooFew, match="digits are too few"):
        judge(RULE, text)


def test_few_digits_repeat_by_chance(judge):
    assert judge(RULE, "steps: 5 every 100\neval/loss: 2.31, 2.3, 2.3, 2.3, 2.3") == []


def test_another_evaluation_series_that_moves_overrules(judge):
    text = "steps: 3 every 100\neval/loss: 28.4074\neval/kl: 3.9, 3.5, 3.1\ntrain/lr: 1e-4"

    assert judge(RULE, text) == []


def test_an_evaluation_that_changes_overrules_a_rate_logged_as_zero(judge):
    text = "steps: 100 every 10\ntrain/lr: 0\nsteps: 499, 999\neval/loss: 21.4088, 9.8172"

    assert judge(RULE, text) == []


def test_a_loss_that_falls_overrules_a_rate_logged_as_zero(judge):
    assert judge(RULE, "steps: 100 every 10\ntrain/lr: 0\ntrain/loss: 29 -> 9 ~ 0.5") == []


def test_a_loss_that_falls_beside_a_still_evaluation_is_another_model(judge):
    text = "steps: 99 every 10\ntrain/loss: 29 -> 9 ~ 0.5\nsteps: 300, 600, 900\neval/loss: 51.7094"

    (finding,) = judge(RULE, text)
    assert "though the training loss falls" in finding.headline
    assert "projector" in finding.cause


@pytest.mark.parametrize("column", ["train/update_ratio", "train/grad_norm"])
def test_update_or_gradient_of_zero_is_proof(judge, column):
    (finding,) = judge(RULE, f"steps: 10\ntrain/lr: 1e-3\n{column}: 0")

    assert "10 of 10" in finding.headline


@pytest.mark.parametrize(
    ("zero", "cause"),
    [
        ("train/lr: 1e-3\ntrain/grad_norm: 0", "detached"),
        ("train/lr: 1e-3\ntrain/update_ratio: 0", "steps by nothing"),
        ("train/lr: 0\ntrain/grad_norm: 0", "gate of the gradient accumulation"),
    ],
)
def test_the_cause_follows_the_evidence(judge, zero, cause):
    (finding,) = judge(RULE, f"steps: 10\n{zero}")

    assert cause in finding.cause


def test_an_update_that_float32_cannot_hold_is_proof(judge):
    (finding,) = judge(RULE, "steps: 10\ntrain/lr: 1e-12\ntrain/update_ratio: 1e-12 -> 4e-13")

    assert "at most 1e-12 of the weights in 10 of 10 records" in finding.headline
    assert judge(RULE, "steps: 10\ntrain/lr: 1e-6\ntrain/update_ratio: 1e-9 -> 1e-5") == []


def test_a_clamped_perplexity_is_no_witness(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 5 every 100\neval/perplexity: 485165195.41")


def test_the_first_step_of_a_warm_up_is_no_witness(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 4\ntrain/lr: 0\ntrain/loss: 9")


def test_not_finite_evaluations_are_not_equal(judge):
    assert judge(RULE, "steps: 4 every 100\neval/loss: nan\ntrain/lr: 1e-3") == []


@pytest.mark.parametrize("training", ["", "steps: 105 every 10\ntrain/loss: 4 -> 3"])
def test_a_last_evaluation_of_the_best_checkpoint_is_no_proof(judge, training):
    text = "steps: 300, 600, 900, 1050\neval/loss: 3.8123123456, 3.4456123456, 3.3001234567, 3.3001234567\n"

    assert judge(RULE, text + training) == []


def test_an_evaluation_that_is_told_again_without_training_between_is_one(judge):
    text = "steps: 99\ntrain/loss: 9 -> 5\nsteps: 50, 99, 100, 101\n"

    assert judge(RULE, text + "eval/loss: 8.12345, 5.123456789, 5.123456789, 5.123456789") == []


@pytest.mark.parametrize("seen", [40, 150, 350])
def test_an_evaluation_that_is_carried_along_is_one_measurement(judge, seen):
    values = [math.nan, 6.3456789012, 5.456789012, 4.9876543210]
    carried = ", ".join(str(values[i // 100]) for i in range(seen))

    run = f"steps: {seen}\ntrain/loss: 9 -> 5\ntrain/lr: 1e-4\neval/loss: {carried}"
    assert judge(RULE, run) == []


def test_one_that_is_carried_along_and_stays_is_seen(judge):
    carried = ", ".join(["8.123456789"] * 50 + ["6.3456789012"] * 50 + ["5.456789012"] * 300)

    (finding,) = judge(RULE, f"steps: 400\ntrain/loss: 6 ~ 1\neval/loss: {carried}")
    assert "in 6 evaluations" in finding.headline


@pytest.mark.parametrize("beside", ["train/epoch: 1 -> 8", ""], ids=["an epoch a row", "rows far apart"])
def test_a_table_with_an_evaluation_in_every_row(judge, beside):
    rows = "steps: 8" if beside else "steps: 8 every 500"

    (finding,) = judge(RULE, f"{rows}\n{beside or 'other: 1'}\ntrain/loss: 9 ~ 1\neval/loss: 51.7094")
    assert "in 8 evaluations" in finding.headline


def test_the_batches_before_the_first_step_of_a_large_accumulation_wait(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 256\ntrain/lr: 0\ntrain/loss: 9 ~ 1")


def test_a_student_that_stands_while_a_projector_learns(judge):
    text = (
        "steps: 5 every 20\neval/lm_loss: 5.70912, 5.70912, 5.70912, 5.70912, 5.70912\n"
        "eval/loss: 9, 8.8, 8.6, 8.5, 8.4\neval/raw/{}: 2, 1.8, 1.6, 1.5, 1.4"
    )
    (finding,) = judge(RULE, text.format("layerwise"))
    assert "never moved" in finding.headline
    assert judge(RULE, text.format("kd")) == []


def test_what_was_measured_is_told_whatever_came_of_it():
    run = parse("steps: 5 every 100\neval/loss: 4.8, 3.9, 3.1, 3.1, 3.1\nsteps: 60 every 10\ntrain/update_ratio: 1e-3")
    told = [one for one in RULE.check(run, RULE.thresholds) if isinstance(one, Reading)]
    assert [(one.what, one.value, one.against) for one in told] == [
        ("longest stretch of equal values of eval/loss", 3, "evaluations"),
        ("largest update of the weights", 1e-3, "update"),
    ]


def test_an_evaluation_that_stands_while_the_training_falls_is_an_old_number(judge):
    held_out = "\nsteps: 8 every 50\neval/loss: 3.81231, 3.44561, 3.30012, 3.21451, 3.21451, 3.21451, 3.21451, 3.21451"
    assert judge(RULE, "steps: 80 every 5\ntrain/loss: 4 -> 3 -> 2 -> 1 ~ 0.02" + held_out) == []
    (finding,) = judge(RULE, "steps: 80 every 5\ntrain/loss: 4 -> 3 -> 3 -> 3 -> 3 ~ 0.02" + held_out)
    assert "stopped moving" in finding.headline


def test_a_rate_and_a_gradient_of_0_need_three_records(judge):
    both = "steps: 3\ntrain/loss: 12.1, 12.0, 12.1\ntrain/lr: 0\ntrain/grad_norm: "
    [found] = judge(RULE, both + "0")
    assert len(found.evidence) == 2
    # the start of a warm-up, and too little to tell
    for told in (both + "3, 4, 3", both.replace("steps: 3", "steps: 2").replace(", 12.1\n", "\n") + "0"):
        with pytest.raises(TooFew, match="too few records of the learning rate"):
            judge(RULE, told)
