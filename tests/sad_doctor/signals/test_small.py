import numpy as np
import pytest

from sad_doctor import signals
from sad_doctor.example import parse
from sad_doctor.run import Column


def series(first, last):
    step = np.arange(60.0)
    return Column(step, first + (last - first) * (1 - 0.9**step))


@pytest.mark.parametrize(
    ("kd", "lm", "small"),
    [
        ((0.01, 0.005), (4, 2), True),
        ((1, 0.5), (4, 2), False),
        ((0.01, 0.1), (4, 2), False),
        ((0.01, 0), (4, 3.99), False),
    ],
)
def test_kd_is_small_beside_what_the_labels_fell_by(kd, lm, small):
    found = signals.too_small(series(*kd), series(*lm), kd[0], 0.05, 0.15)
    assert (found is not None) is small
    assert found is None or found.fell == pytest.approx(2, abs=0.5)


def test_the_pair_as_it_is_in_the_total():
    run = parse("steps: 20\ntrain/weighted/kd: 1\ntrain/weighted/ce: 2")
    kd, label = signals.weighted_pair(run)
    assert (kd.last, label.last) == (1, 2)
    assert signals.weighted_pair(parse("steps: 20\ntrain/weighted/kd: 1")) is None
