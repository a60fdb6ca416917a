import pytest

from sad.invariants.score_knows_no_schedule import score_knows_no_schedule
from sad.subjects.plain.loop import PlainLoop


def test_a_score_of_weights_and_text_holds():
    verdict = score_knows_no_schedule(PlainLoop())
    assert verdict.holds
    assert verdict.numbers["lowest"] == verdict.numbers["highest"]


class Counts(PlainLoop):
    """Its score drifts a little with the step, by no more than the last digits show."""

    def score(self):
        return super().score() * (1 + 1e-15 * self.step)


class Constant(PlainLoop):
    def score(self):
        return 1.0


class Unasked(PlainLoop):
    def update(self):
        super().update()
        self.scores.clear()


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        (Counts, "weights that stand still score"),
        (Constant, "weights that move score 1.0000 at every evaluation"),
        (Unasked, "0 of 6 evaluations"),
    ],
)
def test_faults_are_told(trainer, says):
    verdict = score_knows_no_schedule(trainer())
    assert not verdict.holds
    assert says in verdict.says
