from dataclasses import replace

import pytest
import torch

from sad.invariants import split_invariance as split_invariance_module
from sad.invariants.split_invariance import split_invariance
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.trainer import Line


class ClearsTooMuch(PlainLoop):
    """Clears whenever a full batch of four micro-batches has passed, and in windows of six that is too soon."""

    def monitor(self, number):
        if (number + 1) % 4 == 0:
            self.zero_grad()


class DividesTheTailByTheWindow(PlainLoop):
    """The mean over micro-batches, of which the last window has fewer, by the number that was configured."""

    def loss(self, process, texts, window):
        full = self.accumulation() / len(window)
        return super().loss(process, texts, window) / full


class LogsTheFirstProcess(PlainLoop):
    def raw(self):
        own = self.processes[0]
        return {name: sum(s[name] for s in own.sums) / sum(own.counts) for name in own.sums[0]}


class LogsTheLastMicroBatch(PlainLoop):
    def raw(self):
        return {n: sum(p.sums[-1][n] for p in self.processes) for n in self.processes[0].sums[-1]}


class AveragesOnlyTheFirstProcess(PlainLoop):
    def reduce(self):
        own = [p.grad.clone() for p in self.processes[-1].model.parameters()]
        super().reduce()
        if len(self.processes) > 1:
            for parameter, grad in zip(self.processes[-1].model.parameters(), own, strict=True):
                parameter.grad = grad


class DropsTextsWithProcesses(PlainLoop):
    def micro_batches(self, order):
        return super().micro_batches(order[: len(order) - self.setup.processes + 1])


class SameTextsEverywhere(PlainLoop):
    """Each process shuffles for itself, and all of them alike."""

    def micro_batches(self, order):
        count, size = self.setup.processes, self.setup.micro_batch
        own = -(-len(order) // count)
        return [[order[start : min(start + size, own)]] * count for start in range(0, own, size)]


class MeanWhereOneIsEmpty(PlainLoop):
    """Right, but for a process that has no text left."""

    def loss(self, process, texts, window):
        loss = super().loss(process, texts, window)
        return loss if texts else loss + sum(p.sum() for p in process.model.parameters())


class NoStep(PlainLoop):
    def is_full(self, _number, _batches):
        return False


class NoGradient(PlainLoop):
    def backward(self, process, loss):
        super().backward(process, 0.0 * loss)


class NotANumber(PlainLoop):
    def backward(self, process, loss):
        super().backward(process, loss * (float("nan") if self.setup.accumulation > 1 else 1.0))


class ScoresOfOneProcess(PlainLoop):
    """Each process scores a part, and the first tells of its own."""

    def score(self):
        return super().score() * (1 + 0.1 * (len(self.processes) > 1))


class PassesOfOneProcess(PlainLoop):
    """Says how often its own share of the texts was read."""

    def run(self, setup):
        trace = super().run(setup)
        return replace(trace, log=[replace(line, epoch=line.step / setup.processes) for line in trace.log])


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        (PassesOfOneProcess, "number of passes 0.2500 logged, 1.0000 in one micro-batch"),
        (ClearsTooMuch, "away from that of one micro-batch"),
        (DividesTheTailByTheWindow, "accumulated, 1 process"),
        (LogsTheFirstProcess, "processes)"),
        (LogsTheLastMicroBatch, "logged"),
        (AveragesOnlyTheFirstProcess, "processes end with weights"),
        (DropsTextsWithProcesses, "7 texts in step 1 instead of 8"),
        (SameTextsEverywhere, "4 texts in step 1 instead of 8"),
        (MeanWhereOneIsEmpty, "gradient 708% away from that of one micro-batch"),
        (NoStep, "0 of 2 steps"),
        (NoGradient, "the gradient has norm 0"),
        (NotANumber, "gradient inf% away"),
        (ScoresOfOneProcess, "evaluation 1 scores"),
    ],
)
def test_faults_are_told(trainer, says):
    verdict = split_invariance(trainer())
    assert not verdict.holds
    assert says in verdict.says
    assert verdict.example


def test_a_text_that_is_repeated_so_that_every_process_has_one_is_no_fault():
    class Repeats(PlainLoop):
        def micro_batches(self, order):
            missing = -len(order) % self.setup.processes
            return super().micro_batches([*order, *order[:missing]])

    assert split_invariance(Repeats()).holds


def test_a_fault_of_a_millionth_is_seen():
    class Slightly(PlainLoop):
        def backward(self, process, loss):
            super().backward(process, loss * (1 + 1e-6 * (self.setup.accumulation > 1)))

    verdict = split_invariance(Slightly())
    assert not verdict.holds
    assert verdict.numbers["apart"] == pytest.approx(1e-6, rel=1e-3)


def test_what_float32_explains_is_no_fault():
    class Single(PlainLoop):
        def summed(self, process, texts):
            return {name: value.float() for name, value in super().summed(process, texts).items()}

    assert not split_invariance(Single()).holds
    single = Single()
    single.claims = type(single.claims)(processes=(1, 2, 4), noise=1e-4)
    verdict = split_invariance(single)
    assert verdict.holds
    assert 1e-9 < verdict.numbers["apart"] < 1e-6


def test_only_as_many_processes_are_asked_of_as_are_claimed():
    class Alone(PlainLoop):
        def make_processes(self):
            assert self.setup.processes == 1
            return super().make_processes()

    alone = Alone()
    alone.claims = type(alone.claims)(noise=1e-10)
    assert split_invariance(alone).holds
    assert torch.is_grad_enabled()


def test_a_count_of_tokens_that_depends_on_the_cut_is_named():
    whole = Line(1, 2.0, counts={"tokens": 12})
    off, says = max(split_invariance_module._told(whole, replace(whole, counts={"tokens": 13})))
    assert off == pytest.approx(1 / 12)
    assert says == "tokens 13.0000 logged, 12.0000 in one micro-batch"
