import numpy as np
import pytest

from sad_doctor import signals
from sad_doctor.example import parse
from sad_doctor.run import Column

EPOCHS = "steps: 60\ntrain/epoch: " + ", ".join(f"{step / 20:.2f}" for step in range(60))


@pytest.mark.parametrize(("at", "number"), [(21, 2), (22, 2), (41, 3), (30, None), (60, None)])
def test_the_pass_that_begins(at, number):
    assert signals.pass_begins(parse(EPOCHS), at) == number


@pytest.mark.parametrize("text", ["steps: 60\ntrain/loss: 3", "steps: 60\ntrain/epoch: 0.5"])
def test_no_pass_is_told(text):
    assert signals.pass_begins(parse(text), 21) is None


def passes(levels, slope=0.0, noise=0.02, each=30):
    random, value = np.random.default_rng(1), np.repeat(levels, each)
    value = value - slope * np.tile(np.linspace(0, 1, each), len(levels)) + noise * random.standard_normal(value.size)
    steps = np.arange(value.size)
    run = parse(f"steps: {value.size}\ntrain/epoch: " + ", ".join(f"{step / each:.3f}" for step in steps))
    return signals.drops_at_passes(run, Column(steps + 1.0, value))


def test_the_drop_where_a_text_comes_again():
    first, second = passes([1.4, 1.2, 1.0], slope=0.05)
    assert (first.step, second.step) == (31, 61)
    assert first.before == pytest.approx(1.37, abs=0.03)
    assert first.after == pytest.approx(1.18, abs=0.03)


@pytest.mark.parametrize(
    ("levels", "slope", "noise"),
    [
        ([1.4, 1.2], 0.0, 0.02),  # one border is of any change
        ([1.4, 1.2, 1.2], 0.0, 0.0),
        ([1.4, 1.2, 1.0], 0.2, 0.0),  # it falls all along
        ([1.4, 1.2, 1.0], 0.0, 0.2),  # by chance
    ],
)
def test_what_falls_elsewhere_too_does_not_drop_there(levels, slope, noise):
    assert passes(levels, slope, noise) == []


def test_without_epochs_or_with_few_records_no_drop_is_told():
    column = Column(np.arange(60.0), np.linspace(3, 1, 60))
    assert signals.drops_at_passes(parse("steps: 60\ntrain/loss: 3"), column) == []
    assert passes([1.4, 1.2, 1.0], each=6) == []


def stairs(borders, records=200, noise=0.05):
    steps = np.arange(records)
    value = 3 - 0.25 * np.searchsorted(borders, steps, side="right")
    value = value + noise * np.random.default_rng(2).standard_normal(records)
    return [drop.step for drop in signals.drops_at_passes(parse("steps: 9\ntrain/loss: 3"), Column(steps + 1.0, value))]


def test_passes_are_found_without_an_epoch():
    assert stairs([50, 100, 150]) == [51, 101, 151]
    assert stairs([1200, 2400, 3600], 4800) == [1201, 2401, 3601]  # read in means of five


@pytest.mark.parametrize("borders", [[50, 120, 150], [100, 150], []])
def test_falls_at_no_distance_are_no_passes(borders):
    assert stairs(borders) == []


def test_steps_of_the_first_pass_are_counted():
    steps = np.array([5.0, 15.0, 20.0, 30.0, 60.0])
    assert signals.in_first_pass(parse(EPOCHS), steps) == 3
    assert signals.in_first_pass(parse("steps: 60\ntrain/loss: 3"), steps) == 0
    assert signals.in_first_pass(parse("steps: 60\ntrain/epoch: 0"), steps) == 0
