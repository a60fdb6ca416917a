import pytest

from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.subjects.plain.loop import KD, LM, PlainLoop
from sad.subjects.trainer import Claims


class NoSchedule(PlainLoop):
    def learning_rate(self):
        return self.setup.learning_rate


class NoRate(PlainLoop):
    def learning_rate(self):
        return super().learning_rate() / self.setup.learning_rate * 1e-3


class OneOrder(PlainLoop):
    def order(self, _epoch):
        return list(range(len(self.texts)))


class OneOrderASeed(PlainLoop):
    def order(self, _epoch):
        return super().order(0)


class AnyOrder(PlainLoop):
    runs = 0

    def order(self, epoch):
        self.runs += 1
        return super().order(epoch + self.runs)


class ReadsOneTwice(PlainLoop):
    def order(self, epoch):
        order = super().order(epoch)
        return [order[0], order[0], *order[2:]]


class NoDevices(PlainLoop):
    def accumulation(self):
        return self.setup.global_batch // self.setup.micro_batch


class NoClip(PlainLoop):
    def clip(self, process):
        return sum(float(p.grad.norm()) for p in process.model.parameters())


class ClipsEveryMicroBatch(PlainLoop):
    def backward(self, process, loss):
        super().backward(process, loss)
        super().clip(process)

    def clip(self, process):
        return sum(float(p.grad.norm()) for p in process.model.parameters())


class ClipsByValue(PlainLoop):
    def clip(self, process):
        norm = super().clip(process)
        for parameter in process.model.parameters():
            parameter.grad.clamp_(-self.setup.clip / 20, self.setup.clip / 20)
        return norm


class ClipsBeforeTheAverage(PlainLoop):
    def reduce(self):
        for process in self.processes:
            super().clip(process)
        super().reduce()

    def clip(self, process):
        return sum(float(p.grad.norm()) for p in process.model.parameters())


class WeightsItTwice(PlainLoop):
    def summed(self, process, texts):
        sums = super().summed(process, texts)
        return {**sums, KD: self.term_weights()[KD] * sums[KD]}


class ForgetsAWeight(PlainLoop):
    def term_weights(self):
        return {**super().term_weights(), LM: 0.5}


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        (NoSchedule, "schedule cosine: 81% of the peak away from it"),
        (NoRate, "learning rate 0.001 where twice 0.001 was asked for"),
        (OneOrder, "two seeds give one order"),
        (OneOrderASeed, "two epochs have one order"),
        (AnyOrder, "one seed gives two orders"),
        (ReadsOneTwice, "7 of 8 texts are read in the first epoch"),
        (NoDevices, "8 texts a step instead of 4 (micro-batch 1, accumulation 2, 2 devices on 1 nodes)"),
        (NoClip, "clipped at 0.01, has norm 0."),
        (ClipsEveryMicroBatch, "clipped at 0.01"),
        (ClipsByValue, "clipped at 0.01"),
        (ClipsBeforeTheAverage, "clipped at 0.01"),
        (WeightsItTwice, "kd adds"),
        (ForgetsAWeight, "lm adds"),
    ],
)
def test_faults_are_told(trainer, says):
    verdict = configuration_has_effect(trainer())
    assert not verdict.holds
    assert says in verdict.says


def test_what_is_not_claimed_is_not_asked_for():
    plain = PlainLoop()
    plain.claims = Claims(noise=1e-10)
    verdict = configuration_has_effect(plain)
    assert verdict.holds
    assert verdict.says == "rate, seed, batch, clip: as set"
