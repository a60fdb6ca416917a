import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.starts_too_fast import RULE

UP = "steps: 8\ntrain/lr: 2e-2\ntrain/raw/lm: 3.1, 4.2, 4, 3.9, 3.8, 3.7, 3.6, 3.5\n"
DOWN = "steps: 9, 10, 11, 12, 13, 14, 15, 16\ntrain/raw/lm: 3.4, 3.4, 3.3, 3.3, 3.2, 3.2, 3.2, 3.1\n"


def rest(end):
    steps = ", ".join(str(s) for s in range(17, 117))
    values = ", ".join(f"{3.1 + (end - 3.1) * i / 99:.3f}" for i in range(100))
    return f"steps: {steps}\ntrain/raw/lm: {values}\n"


def test_the_warm_up_that_is_missing_is_named(judge):
    (finding,) = judge(RULE, UP + DOWN + rest(2.2))

    assert "no warm-up" in finding.cause
    assert "3.1 to 3.9" in finding.headline


def test_a_loss_that_stays_up_is_another_story(judge):
    assert judge(RULE, UP + DOWN + rest(3.6)) == []


def test_noise_is_no_rise(judge):
    assert judge(RULE, "steps: 200\ntrain/raw/lm: 5 -> 3 ~ 0.6") == []
    with pytest.raises(TooFew):  # the beginning was not logged
        judge(RULE, "steps: 200 every 1\ntrain/lr: 1\nsteps: 150, 160, 170, 180, 200\neval/lm_loss: 3, 4, 5, 2, 1")


@pytest.mark.parametrize(
    "first",
    [
        [3.1, 3.7, 3.2, 2.9, 3.6, 3.5, 3.2, 2.8, 2.1, 2.0],  # unequal batches, while the rate still rises from 0
        [3.7, 3.1, 3.0, 2.9, 2.9, 4.9, 5.1, 4.8, 2.8, 2.8],  # three bad batches in a row
        [2.5, 2.7, 2.7, 2.8, 2.1, 1.5, 1.0, 1.0, 1.0, 0.9],  # a first record that was lucky
    ],
)
def test_some_dearer_batches_at_the_beginning_throw_nobody_back(judge, first):
    later = ", ".join(f"{0.9 - 0.004 * i:.3f}" for i in range(90))
    log = f"steps: 100\ntrain/lr: 0 -> 1e-4\ntrain/loss: {', '.join(map(str, first))}, {later}\n"
    assert judge(RULE, log) == []


def test_a_label_loss_after_an_unknown_weight_is_a_hint(judge):
    later = ", ".join(f"{1.45 - 0.005 * i:.4f}" for i in range(99))
    (finding,) = judge(RULE, f"steps: 100\ntrain/weighted/lm: 1.18, {later}")
    assert finding.level.name == "INFO"
    assert any("A hint only" in line for line in finding.evidence)


@pytest.mark.parametrize(("rate", "hints"), [("0.001", 1), ("0 -> 0.001 -> 0.001 -> 0.001", 0)])
def test_a_rise_that_stands_little_out_of_the_noise_is_a_hint_without_a_warm_up(judge, rate, hints):
    later = ", ".join(f"{4.5 - 0.008 * i + 0.08 * (-1) ** i:.4f}" for i in range(99))
    found = judge(RULE, f"steps: 100\ntrain/raw/lm: 3.9, {later}\ntrain/lr: {rate}")
    assert [finding.level.name for finding in found] == ["INFO"] * hints


def test_three_records_far_up_without_a_warm_up_are_a_hint(judge):
    late = ", ".join(f"{5.5 + 0.05 * (i % 3):.2f}" for i in range(56))
    text = "steps: 60\ntrain/lr: {} -> 0.01\ntrain/loss: 6.25, 7.76, 10.67, 6.82, " + late
    (finding,) = judge(RULE, text.format(0.3))
    assert finding.level.name == "INFO"
    assert "rises from 6.25 to 7.76" in finding.headline
    assert judge(RULE, text.format(0.001)) == []
    assert judge(RULE, text.format(0.3).replace("6.82", "6.1")) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_whose_noise_falls_with_it_may_begin_low_by_chance(judge, seed):
    """Noise in proportion, as of small batches of classes: late records are no measure of the first ones."""
    random = np.random.default_rng(seed)
    value = (0.05 + 2.2 * np.exp(-np.linspace(0, 5, 400))) * (1 + 0.1 * random.standard_normal(400))
    value[0] = 0.82 * 2.25
    told = ", ".join(f"{v:.4f}" for v in value)
    assert judge(RULE, f"steps: {', '.join(map(str, range(1, 401)))}\ntrain/raw/ce: {told}") == []


RISES = "6.65, 6.54, 7.76, 11.72, 10.65, 8.52, 6.83, 7.51, 8.45, 8.32, 7.59, 7.03, 6.6, 6.71, 6.48, 6.77, 6.43, 6.02"
FALLS = f"steps: {', '.join(map(str, range(19, 61)))}\ntrain/raw/lm: {', '.join(['6.0', '5.8', '5.9'] * 14)}\n"
EVALUATED = "steps: 0, 6, 12, 18, 24, 60\neval/lm_loss: 6.66, {}, 6.59, 6.04, 6.41, 5.6\n"


@pytest.mark.parametrize(("by_step_6", "told"), [(6.94, True), (6.70, False)])
def test_what_evaluation_and_training_tell_alike_needs_to_stand_out_less(judge, by_step_6, told):
    # each alone is within what noise or a small change of the evaluation could be
    train = f"steps: 18\ntrain/raw/lm: {RISES}\n{FALLS}"
    assert judge(RULE, train) == []
    assert judge(RULE, EVALUATED.format(6.94)) == []
    assert bool(judge(RULE, train + EVALUATED.format(by_step_6))) is told
