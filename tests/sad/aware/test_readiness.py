"""Terms that wait: they enter with progress, never leave, and go on as they were."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.aware.readiness import MEMORY, Readiness

losses = st.lists(st.floats(0.1, 12), min_size=1, max_size=30)


def made(start: float = 8.0, goal: float = 3.0) -> Readiness:
    of = Readiness({"kd": 2.0, "layerwise": 0.5}, 0.25, 0.5)
    of.measure(start, goal)
    return of


def reference(seen: list[float], start: float, goal: float) -> float:
    mean, furthest = seen[0], 0.0
    for number, loss in enumerate(seen):
        mean = mean * MEMORY + loss * (1 - MEMORY) if number else loss
        furthest = max(furthest, (start - mean) / (start - goal) if start > goal else 1.0)
    return min(1.0, max(0.0, (furthest - 0.25) / 0.25))


@given(losses, st.floats(1, 12), st.floats(0.5, 12))
def test_the_weights_are_those_of_the_furthest_progress_and_never_fall(
    seen: list[float], start: float, goal: float
) -> None:
    of, before = made(start, goal), 0.0
    for number, loss in enumerate(seen, 1):
        of.follow(loss)
        ramp = reference(seen[:number], start, goal)
        assert of.weights == pytest.approx({"kd": 2.0 * ramp, "layerwise": 0.5 * ramp}, abs=1e-9)
        assert before <= of.weights["kd"] <= 2.0
        before = of.weights["kd"]


@given(losses, st.integers(0, 30))
def test_one_that_is_resumed_goes_on_exactly(seen: list[float], cut: int) -> None:
    whole, first = made(), made()
    for loss in seen:
        whole.follow(loss)
    for loss in seen[:cut]:
        first.follow(loss)
    other = Readiness(first.whole, 0.25, 0.5)
    other.recall(first.state())
    for loss in seen[cut:]:
        other.follow(loss)
    assert other == whole


def test_a_term_waits_until_there_is_something_to_measure_and_useless_losses_move_nothing() -> None:
    of = Readiness({"kd": 1.0}, 0.25, 0.5)
    of.follow(1.0)
    assert of.weights == {"kd": 0.0}
    of = made()
    for useless in (math.nan, math.inf, -math.inf):
        of.follow(useless)
    assert of.weights["kd"] == 0.0
    of = made(math.nan, 3.0)
    of.follow(1.0)
    assert of.weights["kd"] == 0.0


def test_a_student_that_begins_no_worse_than_the_teacher_is_ready() -> None:
    assert made(3.0, 3.0).weights == {"kd": 2.0, "layerwise": 0.5}
