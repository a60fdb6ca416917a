import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad_doctor.run import Column
from sad_doctor.signals import leaps


def _column(*pieces: np.ndarray, noise: float = 0.03, seed: int = 0) -> Column:
    value = np.concatenate(pieces)
    value = value + np.random.default_rng(seed).normal(0, noise, value.size)
    return Column(np.arange(1.0, value.size + 1), value)


DOWN, BACK = np.linspace(6, 4, 60), np.linspace(5.4, 4, 15)


def test_a_loss_that_is_thrown_back_and_recovers() -> None:
    (leap,) = leaps(_column(DOWN, BACK, np.full(25, 4.0)), 8, 0.06, 0.1)
    assert leap.step == 61
    assert (leap.before, leap.after) == (pytest.approx(4.1, abs=0.1), pytest.approx(5.2, abs=0.2))
    assert 4 <= leap.records <= 12


def test_several_are_told_the_highest_first() -> None:
    found = leaps(_column(DOWN, BACK, np.full(20, 4.0), BACK + 1, np.full(25, 4.0)), 8, 0.06, 0.1)
    assert [leap.step for leap in found] == [96, 61]


@pytest.mark.parametrize(
    "pieces",
    [
        (DOWN, np.full(60, 5.4)),  # a level that stays is a break
        (DOWN, np.array([9.0]), np.full(40, 4.0)),  # one record is a batch
        (np.linspace(6, 4, 200),),
        (DOWN, np.full(5, 4.2), np.full(30, 4.0)),  # within a twentieth
        (np.full(9, 4.0), BACK[:10]),  # too few
    ],
)
def test_others_are_none(pieces: tuple[np.ndarray, ...]) -> None:
    assert leaps(_column(*pieces), 8, 0.06, 0.1) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 1.0), st.integers(20, 300))
def test_noise_is_never_one(seed: int, noise: float, size: int) -> None:
    assert leaps(_column(np.linspace(6, 4, size), noise=noise, seed=seed), 8, 0.06, 0.1) == []
