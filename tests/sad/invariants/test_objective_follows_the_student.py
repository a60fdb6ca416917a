from dataclasses import replace

import pytest

from sad.invariants.objective_follows_the_student import NEARLY, READY, STOPPED, _tasks, objective_follows_the_student
from sad.subjects.objective import KD, WEIGHT
from sad.subjects.plain.following import PlainFollowing, of


def test_the_plain_computation_holds():
    verdict = objective_follows_the_student(PlainFollowing())
    assert verdict.holds, verdict.says
    assert verdict.says.startswith("395 numbers and gradients follow the student")


class LosesProgress(PlainFollowing):
    """What is taken up does not know how far the student was."""

    def follow(self, parts):
        super().follow(parts)
        if self.state.of.stopped is not None:
            self.state.weights |= {name: 0.0 for name in self.state.of.waiting}


class OwnLoss(PlainFollowing):
    """Progress is that of the step's own loss."""

    def follow(self, parts):
        self.state.loss = None
        super().follow(parts)


class Late(PlainFollowing):
    """The gradient is measured a step later."""

    def due(self, number, every):
        return number > 1 and super().due(number - 1, every)


class Unscaled(PlainFollowing):
    """The weights of places are not brought to mean 1."""

    def weighed(self, gaps):
        return super().weighed(gaps) * (self.state.factor or 1.0)


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        (OwnLoss, "terms that wait: loss is"),
        (Late, "shares of the gradient: loss is"),
        (Unscaled, "far places first: the gradient of"),
        (LosesProgress, f"terms that wait, taken up after step {STOPPED}: loss is"),
    ],
)
def test_faulty_ones_break_it(faulty, says):
    verdict = objective_follows_the_student(faulty())
    assert not verdict.holds
    assert verdict.says.startswith(says)


def test_a_weight_that_is_told_wrongly_breaks_it():
    def learner(task):
        account = PlainFollowing()(task)
        return replace(account, step=account.step | {WEIGHT + KD: 1.0})

    assert "weight kd is 1, from the texts 0.7" in objective_follows_the_student(learner).says


def test_the_tasks_tell_what_follows_from_what_does_not():
    """Terms wait in some of them, are whole in one, not there in one; a place is weighed above 1 and below."""
    whole = {READY: 1, NEARLY: 0}
    for name, task in _tasks():
        plain = PlainFollowing()
        account = plain(task)
        ramps = [account.step[WEIGHT + term] / task.weights[term] for term in of(task).waiting]
        assert all(ramp == whole[name] if name in whole else 0 < ramp < 1 for ramp in ramps)
        assert (plain.state.factor is None) == (of(task).steps < 3)
