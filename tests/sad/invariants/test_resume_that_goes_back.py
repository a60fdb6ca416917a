"""A run that goes back and loses something is named, and one that goes on with what it did not begin with."""

import pytest

from sad.errors import UserError
from sad.invariants.resume_equivalence import SETTING, resume_equivalence
from sad.subjects.plain.run import PEAK, Plain, PlainRun


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


def test_a_run_that_goes_on_with_steps_of_another_size_is_named():
    class KnowsItsData(Plain):
        def run(self, setting, saved, save_at):
            if setting.size != SETTING.size or setting.other:
                raise UserError("other data")
            return super().run(setting, saved, save_at)

    assert "it goes on with other steps" in resume_equivalence(KnowsItsData(knows_its_data=True)).says


def test_a_run_that_goes_on_with_other_data_is_named():
    assert "it goes on with less data" in resume_equivalence(Plain(knows_its_data=True)).says

    class Counts(Plain):
        def run(self, setting, saved, save_at):
            if setting.size != SETTING.size:
                raise UserError("less data")
            return super().run(setting, saved, save_at)

    assert "it goes on with other data" in resume_equivalence(Counts(knows_its_data=True)).says
