"""More healthy runs with ordinary trouble, written beside the later lists of evidence."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from planted.record import Plan
from planted.training import Training
from sad_doctor import names


class Bucketed(Training):
    """Windows of texts of one length, another each twelve steps."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return ids[:, : 8 + (7 * (step // 12)) % (ids.shape[1] - 8)]


class KdLater(Training):
    """KD sets in at a fifth of the run, by its weight."""

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * (step > self.plan.steps // 5)}


class HighRate(Training):
    """A high rate with a tight clip: noisy, and it learns."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=8e-3, clip=0.5, batch=4)


class RareEvaluations(Training):
    """Four evaluations, dropout of 0.3, one record in five steps."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.3, evaluate_every=plan.steps // 4, every=5, steps=plan.steps // 5 * 5 * 2)


class TwoResumes(Training):
    """Taken up again twice, faithfully, with another number of workers: the pace differs."""

    pace = 1.0

    def before(self, step: int) -> None:
        if step in (self.plan.steps // 3, self.plan.steps // 2):
            self.record.events.append((names.EVENT_RESUME, "", step))
            self.pace *= 0.8

    def seconds(self, step: int) -> float:
        return super().seconds(step) * self.pace


class TwoSources(Training):
    """One batch in three is of a noisier source, by chance."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if self.luck.random() > 1 / 3:
            return ids
        noise = torch.rand(ids.shape, generator=self.random) < 0.15
        return torch.where(noise, torch.randint(self.plan.vocabulary, ids.shape, generator=self.random), ids)


class KdStops(Training):
    """KD's weight goes to 0 in the last quarter, in a line, as the log tells."""

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * min(1.0, 4 * (1 - step / self.plan.steps))}


class BatchHalves(Training):
    """On purpose a smaller batch from the middle on, to save memory."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.plan = replace(self.plan, batch=max(3, self.plan.batch // 2))


class DropoutAndSaves(Training):
    """Dropout of 0.15, a slow record at each evaluation."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.15)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * (3 if step % self.plan.evaluate_every == 0 else 1)


ALL = (
    Bucketed,
    KdLater,
    HighRate,
    RareEvaluations,
    TwoResumes,
    TwoSources,
    KdStops,
    BatchHalves,
    DropoutAndSaves,
)
