import pytest

from sad_doctor import signals
from sad_doctor.example import parse


@pytest.mark.parametrize(
    ("norm", "times", "alone"), [(0.3, 8, True), (0.5, 8, False), (1, 1 / 8, True), (0.1, 1 / 8, False), (0, 8, False)]
)
def test_the_norm_tells_whether_the_gradient_is_scaled_too(norm, times, alone):
    run = parse(f"steps: 20\ntrain/grad_norm: {norm}")
    assert signals.number_alone(run, times) == (pytest.approx(norm) if alone else None)


def test_without_a_norm_it_is_open():
    assert signals.number_alone(parse("steps: 20\ntrain/loss: 1"), 8) is None
