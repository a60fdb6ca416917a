import numpy as np
import pytest

from sad_doctor.example import parse
from sad_doctor.run import Column
from sad_doctor.signals import always_zero, decayed, falls, level_off, loss_falls, never_steps


@pytest.mark.parametrize(("curve", "expected"), [("9 -> 6 ~ 0.3", True), ("9 ~ 0.3", False), ("6 -> 9 ~ 0.3", False)])
def test_falls_asks_for_more_than_noise(curve, expected):
    assert falls(parse(f"steps: 60\ntrain/loss: {curve}").columns["train/loss"]) is expected


def test_few_points_never_fall():
    assert not falls(parse("steps: 11\ntrain/loss: 9 -> 1").columns["train/loss"])


def test_a_term_that_falls_counts_before_a_total_that_a_curriculum_moves():
    assert loss_falls(parse("steps: 60\ntrain/loss: 5 -> 9\ntrain/raw/lm: 9 -> 4"))
    assert not loss_falls(parse("steps: 60\ntrain/loss: 9 -> 5\ntrain/raw/lm: 9"))
    assert loss_falls(parse("steps: 60\ntrain/loss: 9 -> 5"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps: 31 every 10\ntrain/lr: 0", True),
        ("steps: 6 every 60\ntrain/lr: 0", True),
        ("steps: 256\ntrain/lr: 0", False),
        ("fact total_steps: 100\nsteps: 51\ntrain/lr: 0", True),
        ("fact total_steps: 100\nsteps: 40\ntrain/lr: 0", False),
        ("steps: 40\ntrain/lr: 0\ntrain/epoch: 0 -> 1.1", True),
        ("steps: 40\ntrain/lr: 0\ntrain/epoch: 3 -> 3.5", False),
        ("steps: 2 every 9999\ntrain/lr: 0", False),
        ("steps: 21990, 21993, 21995, 21998, 22000\ntrain/lr: 0, 0, 0, 0, 0", False),
        ("steps: 400\ntrain/lr: 0 -> 1e-9", False),
        ("steps: 400\ntrain/loss: 9", False),
    ],
)
def test_never_steps(text, expected):
    assert never_steps(parse(text), 300) is expected


def test_always_zero_wants_points():
    zeros = parse("steps: 4\na/b: 0").get("a/b")

    assert always_zero(zeros, 4)
    assert not always_zero(zeros, 5)
    assert not always_zero(None, 0)


@pytest.mark.parametrize(
    ("first", "rate", "expected"),
    [("3.8", "1e-3 -> 1e-5", True), ("3.8", "1e-3", False), ("3.771", "1e-3 -> 1e-5", False)],
)
def test_a_series_levels_off_as_the_rate_decays(first, rate, expected):
    run = parse(f"steps: 6 every 10\ntrain/lr: {rate}\neval/lm_loss: {first}, 3.78, 3.77, 3.768, 3.766, 3.765")
    value = run.columns["eval/lm_loss"].value
    assert level_off(run, {"eval/lm_loss": (value[2:4], value[4:])}) is expected


def test_most_of_a_fall_may_be_in_the_first_records():
    column = Column(np.arange(60.0), np.array([6.25, 6.2, 6.1, 5.9, 5.7, *(5.4 - 0.002 * np.arange(55))]))

    assert falls(column)
    assert not falls(Column(column.step[5:], column.value[5:]))


@pytest.mark.parametrize(("rate", "over"), [("1e-3 -> 0", 60), ("0 -> 1e-3 -> 5e-4", None), ("1e-3 -> 0 -> 0", None)])
def test_a_run_is_over_when_its_rate_has_just_come_down(rate, over):
    assert decayed(parse(f"steps: 60\ntrain/lr: {rate}")) == over
