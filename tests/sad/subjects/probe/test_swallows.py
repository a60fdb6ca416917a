import pytest

from sad.subjects.divergence import Divergence
from sad.subjects.probe.right import RIGHT
from sad.subjects.probe.swallows import swallows


@pytest.mark.parametrize("divergence", RIGHT.values(), ids=RIGHT)
def test_a_right_one_shows_a_nan(divergence):
    assert not swallows(divergence)


def test_one_that_makes_a_number_of_it_does_not():
    right = RIGHT["mean over tokens"]
    assert swallows(Divergence(right.contract, lambda given: right.loss(given).nan_to_num(0.0)))


def test_one_that_reads_no_teacher_hides_nothing():
    right = RIGHT["sum"]
    assert not swallows(Divergence(right.contract, lambda given: given.student_logits.square().sum()))


def test_one_that_raises_hides_nothing():
    assert not swallows(Divergence(RIGHT["sum"].contract, lambda _: 1 / 0))
