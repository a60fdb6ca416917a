import numpy as np
import pytest

from sad_doctor import signals
from sad_doctor.example import parse

EPOCHS = "steps: 60\ntrain/epoch: " + ", ".join(f"{step / 20:.2f}" for step in range(60))


@pytest.mark.parametrize(("at", "number"), [(21, 2), (22, 2), (41, 3), (30, None), (60, None)])
def test_the_pass_that_begins(at, number):
    assert signals.pass_begins(parse(EPOCHS), at) == number


@pytest.mark.parametrize("text", ["steps: 60\ntrain/loss: 3", "steps: 60\ntrain/epoch: 0.5"])
def test_no_pass_is_told(text):
    assert signals.pass_begins(parse(text), 21) is None


def test_steps_of_the_first_pass_are_counted():
    steps = np.array([5.0, 15.0, 20.0, 30.0, 60.0])
    assert signals.in_first_pass(parse(EPOCHS), steps) == 3
    assert signals.in_first_pass(parse("steps: 60\ntrain/loss: 3"), steps) == 0
    assert signals.in_first_pass(parse("steps: 60\ntrain/epoch: 0"), steps) == 0
