import pytest

from sad_doctor import signals
from sad_doctor.example import parse

RUN = """
steps: 400 every 1
train/weight/kd: 0.1 -> 0.4
steps: 4 every 100
eval/raw/kd: 4 -> 2
eval/weighted/kd: {}
"""


@pytest.mark.parametrize(
    ("weighted", "told"),
    [("4 -> 2", [("kd", 1.0, pytest.approx(0.4, abs=0.01), 4)]), ("0.7, 0.71, 0.83, 0.8", [])],
)
def test_a_weight_that_is_not_the_training_s(weighted, told):
    assert list(signals.other_weights(parse(RUN.format(weighted)), 0.05, 3)) == told


def test_few_evaluations_tell_nothing():
    assert not list(signals.other_weights(parse(RUN.format("4 -> 2")), 0.05, 5))
