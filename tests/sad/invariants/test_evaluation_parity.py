import pytest

from sad.invariants.evaluation_parity import STEPS, Told, evaluation_parity


class Saying:
    """Says what it is told to."""

    def __init__(self, moving, held):
        self.moving, self.held = moving, held
        self.dropout = {}

    def run(self, student, *, held):
        self.dropout[held] = student.config.attention_dropout
        return self.held if held else self.moving


RIGHT = [Told(5.0 - k, 5.0 - k, 4.0 - k) for k in range(STEPS)]
STILL = [Told(7.0 + k, 5.0, 4.0) for k in range(STEPS)]


def test_agreement_and_stillness_hold():
    runner = Saying(RIGHT, STILL)
    assert evaluation_parity(runner).holds
    # dropout would make training and evaluation differ, and must not reach evaluation
    assert runner.dropout == {False: 0.0, True: 0.5}


@pytest.mark.parametrize("apart", [1.0, 1e-3, float("nan")])
def test_one_step_that_differs_breaks_it(apart):
    moving = [*RIGHT[:-1], Told(3.0, 3.0 + apart, 2.0)]
    verdict = evaluation_parity(Saying(moving, STILL))
    assert not verdict.holds
    assert verdict.says.startswith("3.00 in training")


def test_the_last_bit_of_a_held_score_counts():
    held = [*STILL[:-1], Told(7.0, 5.0, 4.0 + 1e-15)]
    verdict = evaluation_parity(Saying(RIGHT, held))
    assert not verdict.holds
    assert "held still" in verdict.says


def test_a_score_that_is_no_number_breaks_it():
    nothing = [Told(7.0, 5.0, float("nan"))] * STEPS
    assert not evaluation_parity(Saying(RIGHT, nothing)).holds


@pytest.mark.parametrize(("moving", "held"), [(RIGHT[:-1], STILL), (RIGHT, STILL[:-1])])
def test_a_step_without_an_evaluation_breaks_it(moving, held):
    assert not evaluation_parity(Saying(moving, held)).holds
