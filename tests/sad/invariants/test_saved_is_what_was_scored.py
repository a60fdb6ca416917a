from dataclasses import replace

import pytest
import torch

from sad.invariants.saved_is_what_was_scored import saved_is_what_was_scored
from sad.subjects.kept import AveragingRun, Claim


class NoAverage(AveragingRun):
    """Scores and saves what it trains."""

    def follow(self, _):
        self.average = self.weight


class FixedDecay(AveragingRun):
    """An average without a warm-up whose horizon is a tenth of the run."""

    def decay_at(self, _):
        return 0.95


class BestIsEarly(NoAverage):
    """Diverges, so that the best is the first that was scored."""

    def take(self):
        self.weight = self.weight + 0.1


@pytest.mark.parametrize("make", [AveragingRun, NoAverage, FixedDecay, BestIsEarly])
def test_a_right_run_holds(make):
    verdict = saved_is_what_was_scored(make().run)
    assert verdict.holds, verdict.says
    assert verdict.numbers["apart"] == 0


def kept(**changes):
    return lambda: replace(AveragingRun().run(), **changes)


def test_one_wrong_claim_among_right_ones_is_named():
    made = AveragingRun().run()
    wrong = Claim("step 7", made.claims[0].told * 1.001, made.claims[0].saved)
    verdict = saved_is_what_was_scored(lambda: replace(made, claims=[*made.claims, wrong]))
    assert not verdict.holds
    assert verdict.says.startswith("step 7 was saved as ")


def test_a_score_that_is_no_number_is_named():
    made = AveragingRun().run()
    assert not saved_is_what_was_scored(lambda: replace(made, score=lambda _: float("nan"))).holds


def test_a_run_that_saved_nothing_is_named():
    assert saved_is_what_was_scored(kept(claims=[])).says == "nothing was saved"


def test_weights_that_never_moved_break_it():
    made = AveragingRun().run()
    assert "initial ones" in saved_is_what_was_scored(lambda: replace(made, last=made.start)).says


@pytest.mark.parametrize(("decay", "holds"), [(0.99, True), (0.9995, False)])
def test_the_horizon_is_judged_by_the_length_of_the_run(decay, holds):
    class Slow(AveragingRun):
        def decay_at(self, _):
            return decay

    assert saved_is_what_was_scored(Slow(1000, every=500).run).holds == holds


def test_a_score_with_dropout_is_not_that_of_the_weights():
    made = AveragingRun().run()
    draw = torch.Generator().manual_seed(0)

    def score(weights):
        kept = torch.rand(8, generator=draw) > 0.5
        return made.score({"weight": weights["weight"] * kept * 2})

    assert not saved_is_what_was_scored(lambda: replace(made, score=score)).holds


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"waits": [1.1, 1.3, 0.2], "step": 0.3}, ""),
        ({"waits": [1.1, 1.4, 0.2], "step": 0.3}, "1.4 times as long between two saves as was asked for"),
        ({"waits": [1.1, 0.9, 0.2], "step": 0.3}, "0.9 times as long between two saves as was asked for"),
        ({"left": ["step-3", ".tmp"]}, "2 things lie beside the saves: step-3, .tmp"),
        ({"unsynced": ["state.json"]}, "not handed to the disk, or still open: state.json"),
        ({"full_disk": "No space left on device"}, ""),
        ({"full_disk": "success"}, "on a full disk it ends with 'success'"),
    ],
)
def test_what_is_told_of_how_it_saves_is_judged(told, says):
    verdict = saved_is_what_was_scored(kept(**told))
    assert verdict.holds == (not says)
    assert says in verdict.says
