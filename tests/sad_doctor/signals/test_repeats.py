import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad_doctor.example import parse
from sad_doctor.run import Column
from sad_doctor.signals import repeats, resolution, stands


def _noisy(size: int, seed: int = 0, digits: int = 4) -> np.ndarray:
    return np.round(np.linspace(6, 4, size) + np.random.default_rng(seed).normal(0, 0.1, size), digits)


def _column(value: np.ndarray) -> Column:
    return Column(np.arange(1.0, value.size + 1), value)


def test_a_value_that_stands_from_some_step_on() -> None:
    value = _noisy(60)
    value[40:] = 4.6173
    found = repeats(_column(value), 0.1)
    assert found is not None
    assert (found.value, found.count, found.first, found.last, found.limit) == (4.6173, 20, 41, 60, False)


@pytest.mark.parametrize("cut", [lambda v: np.minimum(v, 5.1), lambda v: np.maximum(v, 4.5)])
def test_a_limit_comes_again_and_again(cut: object) -> None:
    value = cut(_noisy(80))  # type: ignore[operator]
    found = repeats(_column(value), 0.1)
    assert found is not None
    assert found.limit
    assert found.count == int(np.sum(value == found.value))


@pytest.mark.parametrize(
    "value",
    [
        _noisy(80),
        np.repeat(_noisy(20), 5),  # carried along until the next one
        np.where(np.arange(80) < 40, 0.0, _noisy(80)),  # a term that is switched off
        np.round(_noisy(80)),  # too coarse to tell
        np.full(80, 4.6173),  # nothing moves
        _noisy(12),
    ],
)
def test_others_are_none(value: np.ndarray) -> None:
    assert repeats(_column(value), 0.1) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 400), st.integers(3, 6))
def test_noise_never_repeats_so_often(seed: int, size: int, digits: int) -> None:
    assert repeats(_column(_noisy(size, seed, digits)), 0.1) is None


def test_the_last_digit_as_a_share_of_the_level() -> None:
    assert resolution(np.array([4.0, 5.0, 6.0])) == pytest.approx(0.2)
    assert resolution(np.array([4.25, 5.0, 6.1])) == pytest.approx(0.01 / 5)
    assert np.isnan(resolution(np.zeros(3)))
    assert np.isnan(resolution(np.empty(0)))


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        ("10.375", True),
        ("11.0903520, 11.0903521, 11.0903525", True),
        ("10.375, 10.375, 10.4375", False),
        # 0 by design, a preference loss at its beginning, too few digits
        ("0", False),
        ("0.6931", False),
        ("2.1", False),
    ],
)
def test_a_total_that_is_one_number(loss, found):
    assert (stands(parse(f"steps: 3\ntrain/loss: {loss}"), 4) is not None) == found
    assert stands(parse(f"steps: 3\ntrain/loss: {loss}\ntrain/lr: 0"), 4) is None
