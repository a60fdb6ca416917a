import numpy as np
import pytest

from sad_doctor.run import Column, Floats
from sad_doctor.signals import waves

AT = np.arange(160)
NOISE = np.random.default_rng(0).normal(0, 0.1, 160)


def _column(value: Floats, every: int = 1) -> Column:
    return Column(every * (AT[: value.size] + 1.0), value)


def test_batches_that_are_sorted_within_windows() -> None:
    found = waves(_column(5 - 0.01 * AT + 0.05 * (AT % 16) + NOISE, every=2), 0.5)
    assert found is not None
    assert (found.records, found.steps) == (16, 32)
    assert found.high - found.low == pytest.approx(0.75, abs=0.25)
    assert 0.5 < found.share <= 1


@pytest.mark.parametrize(
    "value",
    [
        5 - 0.01 * AT + NOISE,
        5 * np.exp(-AT / 40) + NOISE,
        5 + (AT > 80) + NOISE,
        5 + np.sin(AT / 160 * 2 * np.pi * 2) + NOISE,  # twice is no habit
        np.ones(160),
        (5 + 0.05 * (AT % 16))[:12],
    ],
)
def test_what_has_no_period(value: Floats) -> None:
    assert waves(_column(value), 0.5) is None


def test_noise_alone_has_none() -> None:
    for seed in range(30):
        assert waves(_column(np.random.default_rng(seed).standard_normal(160)), 0.5) is None
