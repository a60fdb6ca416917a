"""More healthy runs: settings that people choose on purpose, which no rule was made with in mind."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from planted.healthy import FineTuned
from planted.model import Language
from planted.record import Plan
from planted.training import Training


class CosineRestarts(Training):
    """Three cosine periods: at each start the loss rises a little."""

    def learning_rate(self, step: int) -> float:
        period = self.plan.steps / 3
        return self.plan.rate * (0.02 + 0.49 * (1 + math.cos(math.pi * (step % period) / period)))


class BatchesGrow(Training):
    """Batches of 2, 4, 8 and 16 texts."""

    def micro_batch(self, step: int) -> Tensor:
        count = 2 ** (1 + 4 * (step - 1) // self.plan.steps)
        while len(self.order) < count:
            self.order += torch.randperm(len(self.data), generator=self.random).tolist()
        rows, self.order = self.order[:count], self.order[count:]
        self.seen += count
        return self.data[rows]


class LowRank(FineTuned):
    """A trained student, of which only attention and norms are adapted."""

    def parameters(self) -> list[nn.Parameter]:
        return [p for p in super().parameters() if p.requires_grad]

    def prepare(self) -> None:
        super().prepare()
        for name, p in self.student.named_parameters():
            p.requires_grad_(any(word in name for word in ("qkv", "out", "norm", "before")))


class LargeBatches(Training):
    """Batches of 64 texts: curves without noise."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, batch=64, steps=plan.steps // 2, length=16, texts=8192)


class OtherDomain(Training):
    """The evaluation is of texts with more noise."""

    def prepare(self) -> None:
        noise = torch.rand(self.held_out.shape, generator=self.random) < 0.25
        other = torch.randint(self.plan.vocabulary, self.held_out.shape, generator=self.random)
        self.held_out = torch.where(noise, other, self.held_out)


class Bf16Weights(Training):
    """Weights rounded to bf16 after each step, at a rate that survives it."""

    def update(self, step: int) -> None:
        super().update(step)
        with torch.no_grad():
            for p in self.student.parameters():
                p.copy_(p.bfloat16().float())


class KdFadesOut(Training):
    """KD leads the first half, labels alone end the run."""

    def weights(self, step: int) -> dict[str, float]:
        left = max(0.0, 1 - step / (0.6 * self.plan.steps))
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * left}


class LowLoss(FineTuned):
    """Further training of a student that is nearly done, at a tenth of the rate."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=plan.rate / 3, steps=plan.steps, weights={"lm": 1.0, "kd": 1.0})


class StepDecay(Training):
    """A rate in three steps, each a fifth of the one before."""

    def learning_rate(self, step: int) -> float:
        done = step / self.plan.steps
        return self.plan.rate * min(1.0, 20 * done) * (0.2 ** ((done > 0.5) + (done > 0.75)))


class EasierLater(Training):
    """The noisy texts come first: the loss falls faster than anything is learned."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step < self.plan.steps // 3:
            noise = torch.rand(ids.shape, generator=self.random) < 0.15
            ids = torch.where(noise, torch.randint(self.plan.vocabulary, ids.shape, generator=self.random), ids)
        return ids


class MixedDomains(Training):
    """Each batch is from one of two languages, of which one is harder."""

    def prepare(self) -> None:
        other = Language(self.plan.spoken or self.plan.vocabulary, 99)
        self.others = other.texts(512, self.plan.length + 1, self.random)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if self.luck.random() < 0.3:
            rows = torch.randint(len(self.others), (len(ids),), generator=self.random)
            return self.others[rows]
        return ids


class LengthsGrow(Training):
    """Short texts first, in four stages."""

    def micro_batch(self, step: int) -> Tensor:
        share = (1 + 4 * (step - 1) // self.plan.steps) / 4
        return super().micro_batch(step)[:, : max(4, int(share * self.plan.length)) + 1]


class EasyLanguage(Training):
    """Few tokens, and much to know of the next one: a loss that is rightly low."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, spoken=12, steps=2 * plan.steps)


ALL = (
    CosineRestarts,
    BatchesGrow,
    LowRank,
    LargeBatches,
    OtherDomain,
    Bf16Weights,
    KdFadesOut,
    LowLoss,
    StepDecay,
    EasierLater,
    MixedDomains,
    LengthsGrow,
    EasyLanguage,
)
