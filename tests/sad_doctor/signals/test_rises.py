import numpy as np
import pytest

from sad_doctor import signals
from sad_doctor.run import Column


def column(*parts):
    value = np.concatenate(parts) + 0.02 * np.random.default_rng(3).normal(size=sum(part.size for part in parts))
    return Column(np.arange(float(value.size)), value)


FALL, HIGH = np.linspace(9, 3, 30), np.full(600, 7.0)


def test_the_lowest_level_may_be_left_within_the_first_tenth():
    found = signals.rise(column(FALL, HIGH), 0.25, 0.5)
    assert found is not None
    assert found.since < 40
    assert found.lowest < 5
    assert found.first > 8
    assert found.share == pytest.approx((found.last - found.lowest) / found.lowest)


def test_a_later_level_is_found_as_well():
    falling = np.linspace(9, 3, 300)
    found = signals.rise(column(falling, HIGH), 0.25, 0.5)
    assert found is not None
    assert 200 < found.since < 400
    assert found.first > 8


@pytest.mark.parametrize("end", [3.0, 3.4])
def test_what_stays_down_does_not_rise(end):
    series = column(FALL, np.full(600, end))
    assert signals.rise(series, 0.25, 0.5) is None
    assert signals.lowest(series) == pytest.approx(3, abs=0.9)
