"""No false alarms: loops that are right, in the styles in which they are written, pass every property of a trainer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from sad.bugs.auxiliary_loss_per_micro_batch import AUX, WithAuxiliary
from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.score_knows_no_schedule import score_knows_no_schedule
from sad.invariants.split_invariance import split_invariance
from sad.invariants.step_accounting import step_accounting
from sad.subjects.plain.loop import KD, LM, MicroBatch, PlainLoop, Process
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import Claims

EVERY = (step_accounting, split_invariance, configuration_has_effect, score_knows_no_schedule)


class MeanTimesShare(PlainLoop):
    """The mean of each micro-batch, weighed by its share of the step's labels."""

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        super().loss(process, texts, window)
        own, weight = max(1, self.labels([[texts]])), self.term_weights()
        mean = sum(weight[name] * value / own for name, value in self.summed(process, texts).items())
        return mean * own / self.labels(window) * self.setup.processes


class SumThenScale(PlainLoop):
    """Gradients of sums; divided by the labels of the step once, when they are all there."""

    seen: int = 0

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        super().loss(process, texts, window)
        self.seen = self.labels(window)
        return sum(self.term_weights()[name] * value for name, value in self.summed(process, texts).items())

    def reduce(self) -> None:
        super().reduce()
        for process in self.processes:
            for parameter in process.model.parameters():
                parameter.grad *= len(self.processes) / self.seen


class ClearedBefore(PlainLoop):
    """Gradients are cleared at the beginning of a window, to zeros, and stay after the step."""

    def epoch(self, batches: Sequence[MicroBatch]) -> None:
        self.clear = True
        super().epoch(batches)

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        if self.clear and process is self.processes[0]:
            for one in self.processes:
                one.optimizer.zero_grad(set_to_none=False)
            self.clear = False
        return super().loss(process, texts, window)

    def zero_grad(self) -> None:
        self.clear = True


class Adam(PlainLoop):
    """Another optimizer, which forgets how long a gradient was."""

    def make_processes(self) -> list[Process]:
        made = super().make_processes()
        for process in made:
            process.optimizer = torch.optim.AdamW(process.model.parameters(), lr=self.setup.learning_rate)
        return made


class Single(PlainLoop):
    """float32."""

    claims = Claims(processes=(1, 2, 4), schedules=PlainLoop.claims.schedules, terms=(KD, LM), noise=1e-4)

    def make_processes(self) -> list[Process]:
        self.teacher = self.teacher.float()
        made = super().make_processes()
        for process in made:
            process.model.float()
        return made


class LearnedFromALibrary(PlainLoop):
    """A scheduler of torch that is stepped after each optimizer step."""

    claims = Claims(processes=(1, 2), schedules=(Schedule.COSINE,), terms=(KD, LM), noise=1e-10)

    def make_processes(self) -> list[Process]:
        from transformers import get_cosine_schedule_with_warmup

        made = super().make_processes()
        self.scheduler = get_cosine_schedule_with_warmup(made[0].optimizer, self.setup.warmup, self.setup.steps)
        return made

    def learning_rate(self) -> float:
        return self.scheduler.get_last_lr()[0]

    def advance(self) -> None:
        self.scheduler.step()


class OneAhead(PlainLoop):
    """The first step has a rate, the last step has none left."""

    def learning_rate(self) -> float:
        self.position += 1
        rate = super().learning_rate()
        self.position -= 1
        return rate


class PartsOfTheData(PlainLoop):
    """Each process has a part of the data of its own, one after the other."""

    def micro_batches(self, order: Sequence[int]) -> list[MicroBatch]:
        count, size = self.setup.processes, self.setup.micro_batch
        longest = -(-len(order) // count)
        parts = [order[process * longest : (process + 1) * longest] for process in range(count)]
        return [[part[start : start + size] for part in parts] for start in range(0, longest, size)]


class LogsNoNorm(PlainLoop):
    """Says nothing of the gradient norm, and claims nothing."""

    claims = Claims(processes=(1,), schedules=(Schedule.LINEAR,), grad_norm=False, noise=1e-10)

    def write(self, _norm: float | None) -> None:
        super().write(None)


class LogsTotals(PlainLoop):
    """Logs the loss alone."""

    claims = Claims(processes=(1, 2), noise=1e-10)

    def write(self, norm: float | None) -> None:
        super().write(norm)
        self.log[:] = [type(line)(line.step, line.loss, grad_norm=line.grad_norm) for line in self.log]


class AuxiliaryByShare(WithAuxiliary):
    """An auxiliary mean of the micro-batch, scaled by its share of the step's labels."""

    claims = Claims(processes=(1, 2), terms=(KD, LM, AUX), noise=1e-10)

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        whole = super().loss(process, texts, window)
        own, weight = max(1, self.labels([[texts]])), self.term_weights()[AUX]
        summed, count = self.summed(process, texts)[AUX], self.labels(window)
        share = own / count
        return whole + self.setup.processes * weight * (share * summed / own - summed / count)


STYLES = [
    MeanTimesShare,
    SumThenScale,
    ClearedBefore,
    Adam,
    Single,
    LearnedFromALibrary,
    OneAhead,
    PartsOfTheData,
    LogsNoNorm,
    LogsTotals,
    WithAuxiliary,
    AuxiliaryByShare,
]


@pytest.mark.parametrize("invariant", EVERY)
@pytest.mark.parametrize("style", STYLES)
def test_a_right_loop_is_left_alone(style, invariant) -> None:
    verdict = invariant(style())
    assert verdict.holds, verdict.says
