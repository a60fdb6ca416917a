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


@pytest.mark.parametrize("slope", [1 / 50, 0.00333])
@pytest.mark.parametrize(
    "kept", [np.asarray, np.float32, lambda line: np.round(line, 4)], ids=["double", "single", "4"]
)
@pytest.mark.parametrize("size", [100, 240, 300, 2000])
def test_what_rounding_does_to_a_line_is_no_pattern_of_batches(judge, kept, slope, size):
    line = kept(5 - slope * np.arange(size)).astype(float)
    assert judge(RULE, f"steps: {size}\ntrain/loss: {', '.join(map(repr, line.tolist()))}") == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 20\ntrain/loss: 5 -> 4")


def told_of(values):
    return f"steps: 60\ntrain/loss: 6 -> 5 -> 4.6 ~ 0.2\ntrain/teacher_lm_loss: {', '.join(f'{v:.6f}' for v in values)}"


def test_a_teacher_that_says_the_same_again(judge):
    (finding,) = judge(RULE, told_of(2.5 + 0.0137131 * ((step * step) % 17) for step in range(60)))
    assert "9 different values in 60 records" in finding.headline


@pytest.mark.parametrize("slope", [0.0137131, 0.0])
def test_a_teacher_on_new_batches_or_a_number_that_stands(judge, slope):
    assert judge(RULE, told_of(2.5 + slope * step for step in range(60))) == []


def test_a_term_whose_values_come_again_is_not_computed_anew(judge):
    once = ", ".join(f"1.{(i * 7919) % 100003:06d}" for i in range(20))
    text = f"steps: 60\ntrain/raw/ce: 5 -> 2 ~ 0.2\ntrain/raw/kd: {', '.join([once] * 3)}"
    (finding,) = judge(RULE, text)
    assert "20 different values in 60 records" in finding.headline
    assert "cache" in finding.cause


def test_one_value_that_stands_is_no_batch_that_comes_again(judge):
    later = ", ".join(str(i) for i in range(31, 81))
    text = f"steps: 30\ntrain/raw/layerwise: 1.7342 -> 1.5123 ~ 0.0213\nsteps: {later}\ntrain/raw/layerwise: 1.000013"
    assert judge(RULE, text + "\nsteps: 80\ntrain/loss: 5 -> 4 ~ 0.1") == []
