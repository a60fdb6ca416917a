"""What a run loses that goes back to an earlier save is named."""

import pytest

from sad.invariants.resume_equivalence import resume_equivalence
from sad.subjects.plain_run import PEAK, Plain, PlainRun


class ForgetsTheWeights(PlainRun):
    """Goes back to the place, and not to the weights."""

    def go_back(self, saved):
        self.passed += self.step - saved["step"]
        self.step = saved["step"]
        return {**saved, "passed": self.passed}


class TakesThemAgain(PlainRun):
    """Goes back to the samples too."""

    def go_back(self, saved):
        self.load(saved)
        return self.save()


class ForgetsWhatItPassed(PlainRun):
    """What is taken up does not know that it went back."""

    def go_back(self, saved):
        super().go_back(saved)
        return saved


class KeepsTheRate(PlainRun):
    """The rate is that of the steps that were ever taken."""

    def rate(self):
        return PEAK * (1 - (self.step + self.passed) / self.setting.steps)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (ForgetsTheWeights, "and taken up from there: loss"),
        (TakesThemAgain, "step 3 takes samples"),
        (ForgetsWhatItPassed, "and taken up from there: step 3 takes samples"),
        (KeepsTheRate, "learning rate"),
    ],
)
def test_a_way_back_that_loses_something_is_named(kind, says):
    verdict = resume_equivalence(Plain(kind))
    assert verdict.says.startswith("gone back from step 3 to step 2")
    assert says in verdict.says
