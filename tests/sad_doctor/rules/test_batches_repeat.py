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
