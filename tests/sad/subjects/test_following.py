import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.aware.readiness import Readiness
from sad.aware.tokens import Gaps
from sad.objective import Objective
from sad.subjects.following import Following, State

LOSSES = st.lists(st.floats(0.1, 12.0), min_size=1, max_size=6)


@given(LOSSES, st.floats(4.0, 9.0), st.floats(1.0, 9.0))
def test_terms_wait_as_those_that_train_do(losses, start, goal):
    """Two ways to write one rule down."""
    of = Following(len(losses), waiting=("kd",), begin=0.1, end=0.6)
    mine, theirs = State(of, {"kd": 0.7, "lm": 1.0}, start, goal), Readiness({"kd": 0.7}, 0.1, 0.6)
    theirs.measure(start, goal)
    for loss in losses:
        mine.follow(1.0, 1.0, loss)
        theirs.follow(loss)
        assert mine.weights["kd"] == pytest.approx(theirs.weights["kd"], abs=1e-12)


@given(LOSSES, st.sampled_from([-1.0, 0.5, 2.0]))
def test_places_are_weighed_as_those_that_train_are(means, power):
    mine, theirs = State(Following(1, power=power), {}, 2.0, 1.0), Gaps(power, 4.0)
    for mean in means:
        gaps = torch.tensor([0.5, 1.0, 2.0, 0.1]) * mean
        found, wanted = mine.factors(gaps.double()) / (mine.factor or 1.0), theirs.weights(gaps)
        torch.testing.assert_close(found.float(), wanted)
        factor = float(mine.factors(gaps.double()).mean())
        mine.follow(mean, factor, 1.0)
        theirs.follow(mean, factor)


@given(st.lists(st.tuples(st.floats(0.1, 9.0), st.floats(0.1, 9.0)), min_size=1, max_size=5))
def test_shares_are_held_as_those_that_train_are(norms):
    shares, weights = {"kd": 60.0, "lm": 40.0}, {"kd": 0.7, "lm": 1.3}
    mine = State(Following(1, shares=shares), weights, 2.0, 1.0)
    theirs = Objective(dict(weights), shares, every=1)
    for kd, lm in norms:
        mine.steer({"kd": kd, "lm": lm})
        theirs.steer({"kd": theirs.weights["kd"] * kd, "lm": theirs.weights["lm"] * lm})
        assert math.isclose(mine.weights["kd"], theirs.weights["kd"], rel_tol=1e-9)
