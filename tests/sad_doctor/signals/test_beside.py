import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import signals
from sad_doctor.example import parse

AT = "steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60\n"
TRAINING = "steps: 60\ntrain/raw/lm: 5 -> 4 ~ 0.02\n"


def label(text: str) -> signals.Beside:
    return signals.beside(parse(text))["lm"]


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_constant_factor_on_either_side_changes_nothing(here, there):
    found = label(f"steps: 60\ntrain/raw/lm: {5 * here} -> {4 * here}\n{AT}eval/lm_loss: {5 * there} -> {4 * there}")

    assert found.ratio == pytest.approx([here / there] * 10, rel=0.02)
    assert abs(found.drift) < 0.02
    assert not found.surely_moved(1.1)


@given(st.floats(1.3, 20))
def test_a_factor_that_grows_is_measured(times):
    found = label(f"steps: 60\ntrain/raw/lm: {4 * times} -> 4\n{AT}eval/lm_loss: 4")

    assert -math.log(times) < found.drift < -0.5 * math.log(times)
    assert found.surely_moved(times**0.35)


def test_the_pairs_that_a_log_tells():
    more = "train/raw/kd: 2 -> 1\ntrain/loss: 7 -> 5\n"
    text = f"{TRAINING}{more}{AT}eval/perplexity: 148 -> 54\neval/loss: 7 -> 5\neval/kl: 0.5 -> 0.25"

    found = signals.beside(parse(text))

    assert {term: pair.evaluation_name for term, pair in found.items()} == {
        "lm": "eval/perplexity",
        "": "eval/loss",
        "kd": "eval/kl",
    }
    assert found["lm"].evaluation[0] == pytest.approx(math.log(148))


@pytest.mark.parametrize(
    "text",
    [
        f"{TRAINING}steps: 20, 40, 60\neval/lm_loss: 5, 4.5, 4",
        f"steps: 20\ntrain/raw/lm: 5 -> 4\n{AT}eval/lm_loss: 5 -> 4",
        f"{TRAINING}{AT}eval/lm_loss: 0",
        f"steps: 60\ntrain/raw/lm: -1\n{AT}eval/lm_loss: 5 -> 4",
    ],
)
def test_too_little_to_compare(text):
    assert signals.beside(parse(text)) == {}


def test_the_rest_of_the_totals():
    training = "steps: 60\ntrain/weighted/lm: 2.5 -> 2\ntrain/weighted/kd: 2 -> 1\ntrain/loss: 4.5 -> 3\n"
    run = parse(f"{training}{AT}eval/lm_loss: 5 -> 4\neval/loss: 4.5 -> 3")

    left = signals.rest(run, signals.beside(run)["lm"])

    assert left is not None
    assert left.training == pytest.approx(left.evaluation, rel=0.06)
    assert left.evaluation[-1] == pytest.approx(1, rel=0.03)


def test_beside_a_total_that_is_the_label_loss_there_is_no_rest():
    """An evaluation that logs the label loss and the perplexity of it."""
    training = "steps: 60\ntrain/weighted/lm: 2.5 -> 2\ntrain/weighted/kd: 2 -> 1\ntrain/loss: 4.5 -> 3\n"
    run = parse(f"{training}{AT}eval/lm_loss: 5 -> 4\neval/loss: 5.0003 -> 4.0003")

    assert signals.rest(run, signals.beside(run)["lm"]) is None


def test_a_weight_that_moves_in_both():
    both = f"steps: 60\ntrain/weighted/lm: 2.5 -> 0.5\ntrain/loss: 4.5 -> 1\n{AT}eval/lm_loss: 5 -> 4.5\n"

    for text, moves in ((both + "eval/loss: 4.5 -> 1", True), (both + "eval/loss: 4.5 -> 4", False)):
        run = parse(text)
        assert (signals.weight_moves(run, signals.beside(run)) is not None) == moves


def test_a_first_evaluation_of_another_student_does_not_count():
    found = label(f"steps: 60\ntrain/raw/lm: 5 -> 4\n{AT}eval/lm_loss: 3, 5, 4.8, 4.7, 4.6, 4.5, 4.4, 4.3, 4.2, 4.1")

    assert abs(found.drift) < 0.05


def test_since_when_the_two_part():
    at_once = label(f"steps: 60\ntrain/raw/lm: 5 -> 4\n{AT}eval/lm_loss: 5, 4.9, 4.8, 4.7, 4.6, 2.2, 2.2, 2.1, 2.1, 2")
    slowly = label(f"steps: 60\ntrain/raw/lm: 5 -> 4\n{AT}eval/lm_loss: 5 -> 2")

    assert at_once.since == 36
    assert slowly.since is None
