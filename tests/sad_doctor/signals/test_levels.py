import numpy as np
import pytest

from sad_doctor.run import Column, Floats
from sad_doctor.signals import BLOCK, levels

RANDOM = np.random.default_rng(0)
UPPER = RANDOM.random(4 * BLOCK) < 0.4


def _column(value: Floats, noise: float = 0.05) -> Column:
    return Column(np.arange(1.0, value.size + 1), value + np.random.default_rng(1).normal(0, noise, value.size))


def test_two_levels_that_take_turns() -> None:
    found = levels(_column(np.where(UPPER, 4.4, 2.7)), 6, 0.4)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(2.7, abs=0.05), pytest.approx(4.4, abs=0.05))
    assert found.step.size >= 2 * BLOCK
    assert found.upper.tolist() == UPPER[found.step.astype(int) - 1].tolist()
    assert found.turns > 20


def test_a_trend_does_not_hide_them() -> None:
    found = levels(_column(np.where(UPPER, 4.4, 2.7) - np.linspace(0, 1.2, UPPER.size)), 6, 0.4)
    assert found is not None


@pytest.mark.parametrize(
    "value",
    [
        np.full(4 * BLOCK, 3.0),
        np.linspace(4, 2, 4 * BLOCK),
        np.where(np.arange(4 * BLOCK) < 50, 4.4, 2.7),  # a break is no turn
        np.where(np.arange(4 * BLOCK) % 40 == 7, 4.4, 2.7),  # single ones
        np.where(UPPER, 4.4, 2.7)[: BLOCK + 5],
    ],
)
def test_what_has_one_level(value: Floats) -> None:
    assert levels(_column(value), 6, 0.4) is None


def test_noise_alone_never_has_two() -> None:
    for seed in range(40):
        value = np.random.default_rng(seed).standard_normal(10 * BLOCK)
        assert levels(Column(np.arange(1.0, value.size + 1), value), 6, 0.1) is None
