import copy
from dataclasses import replace

import pytest

from sad.invariants.step_accounting import step_accounting
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.trainer import Claims


def test_every_window_a_step_holds():
    verdict = step_accounting(PlainLoop())
    assert verdict.holds
    assert verdict.says == "15 of 15 steps"


class NoStepAt8(PlainLoop):
    def is_full(self, number, batches):
        return self.setup.accumulation != 8 and super().is_full(number, batches)


def test_one_accumulation_without_steps_breaks_it_and_is_named():
    verdict = step_accounting(NoStepAt8())
    assert not verdict.holds
    assert verdict.says == "12 of 15 steps, wrong at accumulation 8"


class MovesNothing(PlainLoop):
    def learning_rate(self):
        return 0.0


class StepsTwice(PlainLoop):
    def update(self):
        for process in self.processes:
            process.optimizer.step()
        super().update()


class NoTail(PlainLoop):
    def is_full(self, number, _batches):
        return (number + 1) % self.accumulation() == 0


class DropsTheTail(PlainLoop):
    def micro_batches(self, order):
        batches = super().micro_batches(order)
        return batches[: len(batches) - len(batches) % self.accumulation()]


class LogsAndClears(PlainLoop):
    """A monitor that clears the gradients within the window, where it logs."""

    def monitor(self, number):
        if number % (2 * self.setup.log_every) == 0:
            self.zero_grad()


class EvaluatesAndAdvances(PlainLoop):
    def score(self):
        self.advance()
        for process in self.processes:
            process.model.weight.data.add_(1e-9)
        return super().score()


class NormAfterTheStep(PlainLoop):
    """Logs the norm of the step before."""

    before = 0.0

    def write(self, norm):
        super().write(self.before)
        self.before = norm


class NormOfTheLastMicroBatch(PlainLoop):
    def clip(self, process):
        return super().clip(process) / self.accumulation()


class TrainsAnotherModel(PlainLoop):
    """The optimizer was made for a model that was replaced afterwards."""

    def make_processes(self):
        made = super().make_processes()
        self.kept = [copy.deepcopy(process.model) for process in made]
        return made

    def forward(self, process, read):
        kept = self.kept[self.processes.index(process)](read)
        return kept + 0 * process.model(read)

    def reduce(self):
        super().reduce()
        for process, kept in zip(self.processes, self.kept, strict=True):
            for parameter, other in zip(process.model.parameters(), kept.parameters(), strict=True):
                parameter.grad = parameter.grad + other.grad
                other.grad = None


class GradientOfHalfTheLoss(PlainLoop):
    def backward(self, process, loss):
        super().backward(process, loss / 2)


class TrainsWithAnotherWeight(PlainLoop):
    """Logs one weight and trains with another."""

    def write(self, norm):
        trained, self.terms = self.terms, {**self.terms, "lm": 1.0}
        super().write(norm)
        self.terms = trained


class Climbs(PlainLoop):
    def backward(self, process, loss):
        super().backward(process, -loss)


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        (TrainsAnotherModel, "changes by 0 over a step whose gradient says -1"),
        (GradientOfHalfTheLoss, "changes by -5.8e-06 over a step whose gradient says -2.9e-06"),
        (TrainsWithAnotherWeight, "over a step whose gradient says -1.2e-05"),
        (Climbs, "changes by 1.2e-05 over a step whose gradient says -1.2e-05"),
        (MovesNothing, "15 of 15 steps, wrong at accumulation 1, 2, 3, 4, 8"),
        (StepsTwice, "30 of 15 steps"),
        (NoTail, "2 of 3 steps where the last window is not full"),
        (DropsTheTail, "2 of 3 steps where the last window is not full"),
        (LogsAndClears, "a run that logs takes other steps than one that evaluates"),
        (EvaluatesAndAdvances, "a run that logs takes other steps than one that evaluates"),
        (NormAfterTheStep, "gradient norm 0 logged for step 1"),
        (NormOfTheLastMicroBatch, "handed to the optimizer"),
    ],
)
def test_faults_are_told(trainer, says):
    verdict = step_accounting(trainer())
    assert not verdict.holds
    assert says in verdict.says


class NoNorm(PlainLoop):
    def write(self, _norm):
        super().write(None)


def test_a_norm_is_asked_for_only_where_one_is_claimed():
    assert "0 of 3 steps is logged" in step_accounting(NoNorm()).says
    quiet = NoNorm()
    quiet.claims = replace(PlainLoop.claims, grad_norm=False)
    assert step_accounting(quiet).holds


class TellsSizes(PlainLoop):
    """Says of some steps how far they moved the weights, and claims to say it of those that are odd."""

    claims = replace(PlainLoop.claims, sizes=lambda step, _every: step % 2 == 1)
    told = 1

    def write(self, norm):
        super().write(norm)
        if self.log and self.log[-1].step % 2 == self.told:
            self.log[-1] = replace(self.log[-1], update=0.1)


class TellsOtherSizes(TellsSizes):
    told = 0


def test_sizes_of_steps_are_told_of_the_steps_that_are_claimed():
    assert step_accounting(TellsSizes()).holds
    says = step_accounting(TellsOtherSizes()).says
    assert "of the steps logged one in 1, [2, 4, 6, 8, 10, 12] say how far they moved the weights, not [1, 3, 5" in says


class OneSchedule(PlainLoop):
    claims = Claims(noise=1e-10)

    def learning_rate(self):
        return self.setup.learning_rate * 0.9**self.step


class OneScheduleInBatches(OneSchedule):
    def learning_rate(self):
        return self.setup.learning_rate * 0.9 ** (self.step * self.setup.accumulation)


def test_a_schedule_without_a_name_is_only_to_count_in_steps():
    assert step_accounting(OneSchedule()).holds
    assert "learning rate 0.0021 at step 6 of 12 with accumulation 3, 0.0059 without" in (
        step_accounting(OneScheduleInBatches()).says
    )


class DownToNothing(PlainLoop):
    """Its own schedule ends at a rate of 0, in its last step."""

    claims = Claims(noise=1e-10)

    def learning_rate(self):
        return self.setup.learning_rate * (1 - (self.step + 1) / self.setup.steps)


def test_a_last_step_at_rate_0_is_no_fault():
    assert step_accounting(DownToNothing()).holds


class TellsThePass(PlainLoop):
    """Logs how often the texts were read, by ``steps`` a pass."""

    steps = None

    def write(self, norm):
        super().write(norm)
        if self.log:
            passes = (self.step + 1) / (self.steps or self.setup.steps_per_epoch)
            self.log[-1] = replace(self.log[-1], epoch=passes)


class MiscountsThePass(TellsThePass):
    steps = 1


def test_a_pass_is_counted_by_its_steps():
    assert step_accounting(TellsThePass()).holds
    verdict = step_accounting(MiscountsThePass())
    assert "after step 2 of 3 the texts are said to have been read 2 times" in verdict.says
