import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.batches_repeat import RULE


def text(values):
    return f"steps: {values.size}\ntrain/loss: " + ", ".join(f"{value:.4f}" for value in values)


@pytest.mark.parametrize("period", [3, 7, 20])
def test_the_same_order_in_each_pass(judge, period):
    rng = np.random.default_rng(period)
    order = rng.normal(0, 0.3, period)
    values = np.linspace(6, 4, 120) + np.resize(order, 120) + rng.normal(0, 0.02, 120)
    (finding,) = judge(RULE, text(values))
    assert finding.numbers["records"] == period


@pytest.mark.parametrize("seed", range(5))
def test_a_new_order_in_each_pass_and_curves_are_left_alone(judge, seed):
    rng = np.random.default_rng(seed)
    order = rng.normal(0, 0.3, 20)
    shuffled = np.concatenate([rng.permutation(order) for _ in range(6)])
    assert judge(RULE, text(np.linspace(6, 4, 120) + shuffled)) == []
    assert judge(RULE, text(6 - np.sqrt(np.arange(120.0)) / 5)) == []
    assert judge(RULE, text(5 + np.sin(np.arange(120.0) / 4))) == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 20\ntrain/loss: 5 -> 4")


def told_of(teacher):
    steps = range(60)
    loss = ", ".join(f"{5 - 0.01 * step + 0.05 * ((7 * step * step) % 11):.4f}" for step in steps)
    values = ", ".join(f"{teacher(step):.6f}" for step in steps)
    return f"steps: {', '.join(map(str, steps))}\ntrain/loss: {loss}\ntrain/teacher_lm_loss: {values}"


def test_a_teacher_that_says_the_same_again(judge):
    (finding,) = judge(RULE, told_of(lambda step: 2.5 + 0.0137131 * ((step * step) % 17)))
    assert "different values in 60 records" in finding.headline


@pytest.mark.parametrize("teacher", [lambda step: 2.5 + 0.0137131 * step, lambda step: 2.5])
def test_a_teacher_on_new_batches_or_a_number_that_stands(judge, teacher):
    assert judge(RULE, told_of(teacher)) == []
