"""What follows the student and is moved by what is no number is named."""

import math

import pytest

from sad.aware.readiness import Readiness
from sad.aware.tokens import Gaps
from sad.shipped.following import check_following

shipped = {name: getattr(of, name) for of, name in ((Gaps, "weights"), (Gaps, "counted"), (Readiness, "recall"))}


def moved(self, gap, factor):
    self.mean, self.size = gap, factor


def averaged(self, loss):
    self.mean = loss
    self._reach(loss)


@pytest.mark.parametrize(
    ("owner", "name", "made", "says"),
    [
        (Gaps, "follow", moved, "is counted"),
        (Gaps, "weights", lambda self, gaps: 2 * shipped["weights"](self, gaps), "weights of places"),
        (Gaps, "counted", lambda self: 2 * shipped["counted"](self), "sum of factors"),
        (Gaps, "begin", lambda _: None, "not forgotten"),
        (Readiness, "follow", averaged, "another weight"),
        (Readiness, "weights", property(lambda self: self.whole), "before anything is known"),
        (Readiness, "recall", lambda self, state: shipped["recall"](self, {**state, "reached": 0.0}), "recalled"),
    ],
)
def test_what_moves_it_is_named(monkeypatch, owner, name, made, says):
    check_following.__wrapped__()
    monkeypatch.setattr(owner, name, made)
    with pytest.raises(AssertionError, match=says):
        check_following.__wrapped__()


def test_a_loss_that_is_no_number_leaves_the_mean():
    one = Readiness({}, 0.0, 1.0)
    one.follow(math.nan)
    assert one.mean is None
