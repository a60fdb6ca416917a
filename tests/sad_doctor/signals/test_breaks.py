import numpy as np
import pytest

from sad_doctor.run import Column, Floats
from sad_doctor.signals import breaks, spread, torn
from sad_doctor.signals.breaks import WIDTH


def _column(value: Floats, noise: float = 0.01, seed: int = 0) -> Column:
    value = value + np.random.default_rng(seed).normal(0, noise, value.size)
    return Column(np.arange(1.0, value.size + 1), value)


FALLS = np.linspace(3, 1, 120)
TORN = FALLS - 0.15 * (np.arange(120) >= 70)


def test_a_small_step_in_a_series_that_falls_fast() -> None:
    found = breaks(_column(TORN), 7.5, 0.05)
    assert found is not None
    assert found.step == 71
    assert found.before - found.after == pytest.approx(0.15, abs=0.03)
    assert found.sigmas > 10


@pytest.mark.parametrize(
    "value",
    [
        FALLS,
        np.concatenate([np.linspace(3, 2, 60), np.linspace(2, 1.9, 60)]),  # a bend
        3 * np.exp(-np.arange(120) / 30),
        FALLS + 2.0 * (np.arange(120) == 70),  # a spike
        FALLS - 0.15 * (np.arange(120) >= 8),  # where all falls
        TORN[:30],
    ],
)
def test_what_is_no_break(value: Floats) -> None:
    assert breaks(_column(value), 7.5, 0.05) is None


def test_a_step_of_a_small_share_is_none() -> None:
    assert breaks(_column(TORN + 100), 7.5, 0.05) is None


def test_a_long_series_is_judged_by_its_stretches() -> None:
    value = np.repeat(TORN, 500)
    found = breaks(_column(value, noise=0.05), 7.5, 0.05)
    assert found is not None
    assert found.step == pytest.approx(70 * 500, abs=60)


def test_what_a_series_does_at_a_step_that_is_given() -> None:
    here, elsewhere = torn(_column(TORN), 71), torn(_column(TORN), 40)
    assert here is not None
    assert elsewhere is not None
    assert here.sigmas > 10 > 4 > elsewhere.sigmas
    assert torn(_column(TORN), WIDTH - 2) is None


def test_the_noise_before_and_after() -> None:
    noise = np.random.default_rng(1).normal(0, 1, 120) * np.where(np.arange(120) < 60, 0.02, 0.08)
    told = spread(Column(np.arange(1.0, 121), FALLS + noise), 61)
    assert told is not None
    assert np.exp(told[0]) == pytest.approx(4, rel=0.5)
    assert told[0] > 3 * told[1]
    same = spread(_column(TORN, noise=0.05), 71)
    assert same is not None
    assert abs(same[0]) < 3 * same[1]
    assert spread(_column(TORN), 115) is None
    assert spread(Column(np.arange(1.0, 121), np.ones(120)), 61) is None
