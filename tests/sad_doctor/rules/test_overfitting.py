import numpy as np
import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.overfitting import RULE

UP = "steps: 8 every 50\neval/lm_loss: 3.9, 3.2, 2.9, 2.8, 2.95, 3.1, 3.3, 3.5"


def test_a_training_that_rises_too_is_a_divergence(judge):
    assert len(judge(RULE, f"steps: 400\ntrain/loss: 4 -> 1 ~ 0.1\n{UP}")) == 1
    assert judge(RULE, f"steps: 400\ntrain/loss: 4 -> 2.8 -> 5 ~ 0.1\n{UP}") == []


def test_the_best_step_is_named(judge):
    (finding,) = judge(RULE, UP)

    assert "best at step 200 (2.8)" in finding.headline
    assert "step 200" in finding.remedy


@pytest.mark.parametrize(
    "values",
    ["3.9, 3.2, 2.9, 2.8, 2.95, 3.1, 2.7, 2.75", "3.9, 3.2, 2.9, 2.8, 2.82, 2.81, 2.83, 2.84", "3, 3.2, 3.1, 3.2, 3"],
)
def test_one_that_comes_back_or_hardly_rises(judge, values):
    count = values.count(",") + 1
    assert judge(RULE, f"steps: {count} every 50\neval/lm_loss: {values}") == []


def test_few_evaluations(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 3 every 50\neval/lm_loss: 1, 2, 3")


def test_a_total_is_compared_with_a_total(judge):
    """A term that comes in lifts both totals, while the label loss falls."""
    text = """
steps: 200
train/loss: 2 -> 2 -> 2.8 -> 2.7 ~ 0.02
train/raw/lm: 5.7 -> 5 ~ 0.02
steps: 8 every 25
eval/loss: 2.1, 2.0, 2.2, 2.5, 2.7, 2.75, 2.72, 2.7
"""
    assert judge(RULE, text) == []


def _noisy(count, noise, rise, seed):
    at = np.arange(1, count + 1) / count
    level = 2 + 1.5 * np.exp(-10 * at) + rise * np.maximum(0, at - 0.4)
    drawn = level * (1 + noise * np.random.default_rng(seed).normal(size=count))
    return f"steps: {count} every 40\neval/loss: " + ", ".join(f"{value:.4f}" for value in drawn)


@pytest.mark.parametrize(("count", "noise"), [(20, 0.03), (20, 0.05), (60, 0.02), (60, 0.05)])
def test_a_flat_noisy_evaluation_is_no_overfitting(judge, count, noise):
    """The lowest of many noisy values lies below all others by chance."""
    assert [seed for seed in range(20) if judge(RULE, _noisy(count, noise, 0, seed))] == []


@pytest.mark.parametrize(("count", "noise"), [(10, 0.005), (20, 0.01), (60, 0.03)])
def test_a_rise_is_seen_through_the_noise(judge, count, noise):
    assert all(judge(RULE, _noisy(count, noise, 1, seed)) for seed in range(10))


def test_an_accuracy_that_still_rises_makes_it_a_hint(judge):
    (hint,) = judge(RULE, UP + "\nval_acc: 10, 40, 55, 60, 62, 64, 65, 66")
    (alarm,) = judge(RULE, UP + "\nval_acc: 10, 40, 55, 60, 59, 57, 56, 55")

    assert (hint.level, alarm.level) == (Level.INFO, Level.WARNING)
    assert "though val_acc still rises" in hint.headline


def test_a_training_far_below_a_standing_evaluation_is_learned_by_heart(judge):
    text = "steps: 90 every 5\ntrain/raw/lm: 4.7 -> 1 -> 0.7 -> 0.7 ~ 0.01\nsteps: 9 every 50\neval/lm_loss: "
    (finding,) = judge(RULE, text + "4.7, 4.4, 4.3, 4.3, 4.31, 4.32, 4.31, 4.3, 4.31")
    assert "learned by heart" in finding.headline
    assert judge(RULE, text + "4.7, 3.4, 2.4, 1.9, 1.5, 1.2, 1, 0.9, 0.8") == []
    # a domain of its own from the beginning on
    assert judge(RULE, text.replace("4.7 -> 1", "2 -> 1") + "4.7, 4.4, 4.3, 4.3, 4.31, 4.32, 4.31, 4.3, 4.31") == []


def test_a_total_that_leaves_a_standing_evaluation_behind(judge):
    training = "steps: 60 every 10\ntrain/loss: 2.5 -> 1 -> 0.6 -> 0.5 -> 0.5 ~ 0.02\ntrain/epoch: 0 -> %d\n"
    held_out = "steps: 12 every 50\neval/loss: 2.25, 2.0, 1.95, 1.94, 1.93, 1.93, 1.94, 1.93, 1.93, 1.94, 1.93, 1.93"
    (finding,) = judge(RULE, training % 9 + held_out)
    assert "learned by heart" in finding.headline
    # a first pass has nothing to learn by heart, and a gap that was there at first is another objective
    assert judge(RULE, training % 1 + held_out) == []
    assert judge(RULE, "steps: 60 every 10\ntrain/loss: 0.6 -> 0.5 ~ 0.02\ntrain/epoch: 0 -> 9\n" + held_out) == []


def seen_again(evaluation, levels=(1.4, 1.2, 1.0)):
    losses = [level + 0.002 * ((7 * i) % 5 - 2) for level in levels for i in range(30)]
    epochs = [f"{i / 30:.3f}" for i in range(30 * len(levels))]
    return f"""steps: {len(losses)}
train/loss: {", ".join(f"{value:.3f}" for value in losses)}
train/epoch: {", ".join(epochs)}
steps: 30, 60, 90
eval/loss: {evaluation}"""


@pytest.mark.parametrize("evaluation", ["1.3, 1.31, 1.34", "1.3, 1.295, 1.292"])
def test_a_drop_with_each_pass_beside_an_evaluation_that_stands_is_a_hint(judge, evaluation):
    (finding,) = judge(RULE, seen_again(evaluation))
    assert finding.level == Level.INFO
    assert "drops where each pass over it begins, from 1.4 to 1.2 at first, down to 1" in finding.headline
    assert finding.first_step == 31
    assert len(finding.evidence) == 2


def test_passes_show_in_a_log_that_tells_no_epoch(judge):
    text = seen_again("1.3, 1.31, 1.34", (1.6, 1.4, 1.2, 1.0))
    untold = "\n".join(line for line in text.splitlines() if not line.startswith("train/epoch"))
    (finding,) = judge(RULE, untold)
    assert "drops where each pass over it begins, from 1.6 to 1.4" in finding.headline


@pytest.mark.parametrize(
    ("evaluation", "levels"),
    [("1.3, 1.2, 1.1", (1.4, 1.2, 1.0)), ("1.3, 1.31, 1.34", (1.4, 1.38, 1.365)), ("1.3, 1.31, nan", (1.4, 1.2, 1.0))],
)
def test_one_that_helps_is_none_nor_is_little_or_what_is_not_evaluated_since(judge, evaluation, levels):
    with pytest.raises(TooFew):
        judge(RULE, seen_again(evaluation, levels))
