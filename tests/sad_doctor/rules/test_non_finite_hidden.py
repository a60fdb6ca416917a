from dataclasses import replace

import pytest

from sad_doctor import names
from sad_doctor.example import parse
from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.non_finite_hidden import RULE


@pytest.mark.parametrize(
    "message",
    [
        "lm_loss produced non-finite value (nan); clamping to zero.",
        "loss is NaN, set to 0",
        "replacing inf by zero",
        "3 NaNs replaced with zeros",
        "non-finite gradient: loss = 0.0",
    ],
)
def test_messages_of_replaced_values(judge, message):
    (finding,) = judge(RULE, f"event warning @ 436: {message}\nsteps: 600\ntrain/loss: 28 ~ 3")

    assert "at step 436" in finding.headline


@pytest.mark.parametrize(
    "message",
    [
        "skipping a step: gradient is nan",
        "learning rate is zero",
        "3 workers",
        "NaN loss at step 100, epoch 0",
        "inf gradient on rank 0",
    ],
)
def test_other_messages_are_fine(judge, message):
    assert judge(RULE, f"event warning @ 436: {message}\nsteps: 600\ntrain/loss: 28 ~ 3") == []


def test_zeros_after_a_loss_with_the_gradient_beside(judge):
    text = "steps: 8\ntrain/loss: 4, 3.9, 3.8, 0, 0, 0, 0, 0\ntrain/grad_norm: 1, 1, 1, nan, nan, nan, nan, nan"

    (finding,) = judge(RULE, text)
    assert "from step 4 on, after 3.8" in finding.headline
    assert "5 records" in finding.evidence[1]


def test_a_few_zeros_are_a_hint_and_with_a_gradient_of_nan_a_warning(judge):
    few = "steps: 6\ntrain/loss: 4, 3.9, 3.8, 0, 0, 0\n"
    [hint] = judge(RULE, few)
    assert (hint.level, hint.first_step) == (Level.INFO, 4)
    [found] = judge(RULE, few + "train/grad_norm: 1, 1, 1, nan, nan, nan")
    assert found.level == Level.WARNING
    # a loss that is too small for its digits, and one of batches without labels, have a gradient
    assert judge(RULE, few + "train/grad_norm: 1, 1, 1, 0.1, 0.1, 0.1") == []
    assert judge(RULE, "steps: 4\ntrain/loss: 0.09, 0.05, 0.02, 0") == []


@pytest.mark.parametrize("more", ["", "rewards/chosen: nan\n"])
def test_one_record_of_0_whose_gradient_is_nan_is_enough(judge, more):
    [found] = judge(RULE, f"steps: 1\ntrain/loss: 0\n{more}train/grad_norm: nan")
    assert (found.level, "hidden NaN" in found.headline) == (Level.WARNING, True)
    # a policy gradient is 0 by design, and one record of 0 alone may be the first of many
    assert judge(RULE, f"steps: 1\ntrain/loss: 0\n{more}train/grad_norm: 0.3") == []


def test_a_loss_that_was_never_anything_but_zero(judge):
    (finding,) = judge(RULE, "steps: 9\ntrain/loss: 0\ntrain/grad_norm: 0")
    assert finding.level.name == "ERROR"
    assert "in all 9 records" in finding.headline
    assert judge(RULE, "steps: 4\ntrain/loss: 0") == []


@pytest.mark.parametrize("beside", ["train/raw/kd: 3", "reward: 0.5", "train/reward: 0.5"])
def test_a_total_of_zero_beside_parts_or_rewards_is_another_matter(judge, beside):
    assert judge(RULE, f"steps: 9\ntrain/loss: 0\n{beside}") == []


def test_neither_loss_nor_messages(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 9\ntrain/lr: 1e-3")


def test_messages_alone_do_not_make_a_training(judge):
    with pytest.raises(TooFew, match="not one record"):
        judge(RULE, "event warning: deprecated")


@pytest.mark.parametrize(
    ("before", "norm", "fires"),
    [
        ("0.02", "0.02", False),
        ("0.02", "0", True),
        ("0.02", "0.02, 0.02, 0.02, nan, nan, nan, nan, nan", True),
        ("3.9", "0.02", True),
    ],
)
def test_a_gradient_beside_it_tells_a_small_loss_from_a_nan(judge, before, norm, fires):
    text = f"steps: 8\ntrain/loss: 4, 4, {before}, 0, 0, 0, 0, 0\n"

    assert bool(judge(RULE, f"{text}train/grad_norm: {norm}")) is fires


def ends_blank(also: str, rows: int = 20):
    run = parse(f"steps: 50\ntrain/loss: 4 -> 3\n{also}")
    return list(RULE.check(replace(run, facts={names.BLANK: {names.LOSS: (51.0, 70.0, rows)}}), RULE.thresholds))


@pytest.mark.parametrize("also", ["", "steps: 70\ntrain/lr: 1e-4", "steps: 70\nseconds: 3"])
def test_a_loss_that_ends_in_blank_cells_is_told(also):
    (finding,) = ends_blank(also)
    assert "blank from step 51 on" in finding.headline


@pytest.mark.parametrize(
    "also", ["steps: 66, 70\neval/loss: 3, 3", "steps: 66, 70\ntest_accuracy: 3, 3", "steps: 70\ntrain/epoch: 1"]
)
def test_one_that_gives_way_to_evaluations_is_over(also):
    assert ends_blank(also) == []


def test_a_few_blank_rows_are_nothing():
    assert ends_blank("", rows=4) == []


@pytest.mark.parametrize(("every", "fires"), [(5, True), (1000, False)])
def test_a_total_that_is_0_at_a_regular_distance(judge, every, fires):
    values = ", ".join("0" if i % every == every - 1 else f"{6 - i / 50 + 0.1 * (i % 3):.3f}" for i in range(60))
    steps = ", ".join(str(i) for i in range(60))
    found = judge(RULE, f"steps: {steps}\ntrain/loss: {values}")
    assert bool(found) is fires
    assert all("in every 5 records" in one.headline for one in found)


@pytest.mark.parametrize(
    ("at", "weight", "fires"),
    [((7, 19, 40, 41), "", True), ((10, 20, 30, 40), "", False), ((7, 19, 40, 41), "0.5", True), ((), "", False)],
)
def test_a_term_that_is_0_in_single_records(judge, at, weight, fires):
    """At no regular distance, and not where its weight is 0."""
    values = ", ".join("0" if i in at else f"{6 - i / 50:.2f}" for i in range(60))
    also = f"\ntrain/weight/kd: {weight}" if weight else ""
    found = judge(RULE, f"steps: 60\ntrain/loss: 8 -> 7 ~ 0.1\ntrain/raw/kd: {values}{also}")
    assert [one.headline for one in found] == (
        ["The term kd is exactly 0 in 4 of 60 records, and about 5.41 in the others: something was replaced by zero."]
        if fires
        else []
    )
    weights = ", ".join("0" if i in at else "1" for i in range(60))
    assert judge(RULE, f"steps: 60\ntrain/loss: 8 -> 7 ~ 0.1\ntrain/raw/kd: {values}\ntrain/weight/kd: {weights}") == []
