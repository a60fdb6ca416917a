"""Healthy runs with ordinary trouble, written beside the lists of evidence."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.record import Plan, Row
from planted.training import Training
from sad_doctor import names


class BatchDoubles(Training):
    """On purpose: accumulation of 2, then 4 from the middle on."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, accumulation=2, batch=4)

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.plan = replace(self.plan, accumulation=4)


class SlightlyHarderHalf(Training):
    """A second part of the data has a tenth more noise, from the middle on."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step < self.plan.steps // 2:
            return ids
        noise = torch.rand(ids.shape, generator=self.random) < 0.1
        return torch.where(noise, torch.randint(self.plan.vocabulary, ids.shape, generator=self.random), ids)


class TemperatureComesDown(Training):
    """From 3 to 1.5 in a straight line."""

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = 3 - 1.5 * self.now / self.plan.steps
        theirs, ours = F.log_softmax(teacher / t, -1), F.log_softmax(student / t, -1)
        return t * t * (theirs.exp() * (theirs - ours)).sum(-1).mean()


class LengthsOfAllKinds(Training):
    """Random lengths, masked as they should be."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return ids[:, : int(torch.randint(6, ids.shape[1] + 1, (), generator=self.random))]


class WeightInStages(Training):
    """The weight of KD is 2, 1, 0.5 in three stages."""

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * 2.0 ** (1 - 3 * (step - 1) // self.plan.steps)}


class HeadFirst(Training):
    """Two stages on purpose: for a tenth of the run the blocks' gradients are dropped."""

    def gradients(self, step: int) -> None:
        if step < 0.1 * self.plan.steps:
            for n, p in self.student.named_parameters():
                if n.startswith("blocks"):
                    p.grad = None


class SkippedSteps(Training):
    """float16: one step in forty overflows and is skipped."""

    def update(self, step: int) -> None:
        if step % 40 == 7:
            self.optimizer.zero_grad()
        else:
            super().update(step)


class SmallEvaluations(Training):
    """Eight texts an evaluation, other ones each time."""

    def evaluate(self, step: int) -> Row:
        kept, self.held_out = self.held_out, self.held_out[torch.randint(48, (8,), generator=self.random)]
        try:
            return super().evaluate(step)
        finally:
            self.held_out = kept


class ABatchGoneBad(Training):
    """One batch of noise at a third of the run."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return (
            torch.randint(self.plan.vocabulary, ids.shape, generator=self.random)
            if step == self.plan.steps // 3
            else ids
        )


class LargeAndLong(Training):
    """A batch of 48, constant rate: little noise, a long tail."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, batch=48, schedule="constant")


class DroppedEpochs(Training):
    """Dropout and three epochs over 500 texts, of which the last batch is smaller."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.2, texts=plan.steps * plan.batch // 3)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return ids[:3] if step % max(2, self.plan.steps // 3) == 0 else ids


class ResumedWithOverlap(Training):
    """Taken up again faithfully; a cosine with a short new warm-up, on purpose."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))

    def learning_rate(self, step: int) -> float:
        since = step - self.plan.steps // 2
        return super().learning_rate(step) * (min(1.0, (since + 1) / 6) if since >= 0 else 1.0)


ALL = (
    BatchDoubles,
    SlightlyHarderHalf,
    TemperatureComesDown,
    LengthsOfAllKinds,
    WeightInStages,
    HeadFirst,
    SkippedSteps,
    SmallEvaluations,
    ABatchGoneBad,
    LargeAndLong,
    DroppedEpochs,
    ResumedWithOverlap,
)
