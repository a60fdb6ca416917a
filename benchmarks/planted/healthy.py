"""Healthy runs with the trouble that every training has."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from planted.record import Plan, Row, Stopped
from planted.training import Training
from sad_doctor import names


class Plain(Training):
    """Nothing special."""


class TinyBatches(Training):
    """Two texts a batch: noise as large as what is learned."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, batch=2, rate=plan.rate / 2)


class Accumulated(Training):
    """Four micro-batches of two texts a step."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, batch=2, accumulation=4, steps=plan.steps // 2)


class LongWarmup(Training):
    """A warm-up over 40% of the run."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, warmup=0.4)


class KdComesLater(Training):
    """A curriculum lets KD in: the total rises."""

    def weights(self, step: int) -> dict[str, float]:
        share = min(1.0, max(0.0, (step / self.plan.steps - 0.2) / 0.3))
        return {**self.plan.weights, "kd": self.plan.weights.get("kd", 0.0) * share}


class LayerwiseFades(Training):
    """The layerwise weight falls to 0 over the whole run."""

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "layerwise": 0.5 * (1 - step / self.plan.steps)}


class LabelsOnly(Training):
    """No teacher in the loss."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"lm": 1.0})


class KdOnly(Training):
    """No labels in the loss."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"kd": 1.0}, temperature=1.0)


class MostlyLabels(Training):
    """The label loss owns the total, as it may."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"lm": 1.0, "kd": 0.1, "layerwise": 0.05})


class Constant(Training):
    """A constant learning rate without a warm-up."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, schedule="constant", warmup=0.0, rate=plan.rate / 2)


class WarmupStableDecay(Training):
    """Down to 0 in the last fifth."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, schedule="wsd")


class WideVocabulary(Training):
    """Many tokens, few of them spoken: a loss that begins far up, and falls fast."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, vocabulary=1500, spoken=128, batch=4)


class FewPoints(Training):
    """Five records, three evaluations."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, every=plan.steps // 5, evaluate_every=plan.steps // 2)


class LevelsOff(Training):
    """Learned early, then a long end of the schedule in which little happens."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=int(plan.steps * 1.5), rate=plan.rate * 2, evaluate_every=plan.evaluate_every * 2)

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(step) * (1 if step < 0.6 * self.plan.steps else 0.3)


class FineTuned(Training):
    """A student that knows the language already, and gains little."""

    def prepare(self) -> None:
        ahead = torch.optim.AdamW(self.parameters(), lr=5e-3, fused=True)
        for _ in range(120):
            found, _extra = self.terms(self.micro_batch(0), 0)
            torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
            ahead.step()
            ahead.zero_grad()
        self.seen = 0

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=plan.rate / 4)


class Resumed(Training):
    """Stopped and taken up again, faithfully."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))
            self.clock += 3600.0


class ResumedFromBefore(Training):
    """Killed, and taken up from a checkpoint twenty steps before: those steps are logged twice, nearly alike."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2 and self.clock < 1e6:
            self.clock += 1e6
            again = [(s, c, r) for s, c, r in self.record.rows if s > step - 20]
            self.record.events.append((names.EVENT_RESUME, "", step - 20))
            for old, clock, row in again:
                near = {
                    k: v * (1 + 1e-4 * self.luck.gauss(0, 1)) if k.startswith("train/raw") else v
                    for k, v in row.items()
                }
                for term in self.plan.weights:
                    if names.RAW + term in near:
                        near[names.WEIGHTED + term] = near[names.RAW + term] * near[names.WEIGHT + term]
                if names.LOSS in near and not self.plan.averaged:
                    near[names.LOSS] = sum(v for k, v in near.items() if k.startswith(names.WEIGHTED))
                self.record.rows.append((old, clock + 1e6, near))


class ManyEpochs(Training):
    """Each text is seen several times."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, texts=384, steps=plan.steps, dropout=0.1)


class HarderLater(Training):
    """Texts in an order: those of the second half of the run have more noise."""

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step > self.plan.steps // 2:
            noise = torch.rand(ids.shape, generator=self.random) < 0.08
            ids = torch.where(noise, torch.randint(self.plan.vocabulary, ids.shape, generator=self.random), ids)
        return ids


class ManyLengths(Training):
    """Batches of many lengths."""

    def micro_batch(self, step: int) -> Tensor:
        return super().micro_batch(step)[:, : self.luck.randint(6, self.plan.length) + 1]


class LossScale(Training):
    """float16: the first gradients overflow until the scale is found, and one more later."""

    def logged(self, row: Row, step: int) -> Row:
        scarce = step <= 3 * self.plan.every or step == self.plan.every * (self.plan.steps // (2 * self.plan.every))
        return row | {names.GRAD_NORM: math.inf} if scarce else row


class OneBadBatch(Training):
    """One batch of another kind."""

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        if step == int(0.7 * self.plan.steps) and self.student.training:
            ids = torch.randint(self.plan.vocabulary, ids.shape, generator=self.random)
        return super().terms(ids, step)


class Interrupted(Training):
    """Stopped by hand halfway."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.status = "interrupted"
            self.record.events.append((names.EVENT_INTERRUPT, "KeyboardInterrupt", step))
            raise Stopped


class StillRunning(Training):
    """Looked at on the way, a few seconds after its last record."""

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.3):
            self.record.status, self.record.silent = "running", 5.0
            raise Stopped


class HotTeacher(Training):
    """A high temperature: KD is a small number."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, temperature=6.0)


class Dropout(Training):
    """Dropout in training: the evaluation is better than the training."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.3)


class ShortSteps(Training):
    """Speed and memory that vary: other jobs on the machine, evaluations, a slow file system at times."""

    def seconds(self, step: int) -> float:
        return super().seconds(step) * math.exp(abs(0.25 * self.luck.gauss(0, 1))) * (5 if step % 37 == 0 else 1)

    def memory_of(self, step: int) -> float:
        warm = min(1.0, 0.5 + step / 20)
        return super().memory_of(step) * warm * (1 + 0.1 * self.luck.random())


class Clipped(Training):
    """A tight clip: often at work early, rarely later."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, clip=0.5)


class SmallStudent(Training):
    """A student far too small for its teacher: a plateau well above it, honestly reached."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, width=16)


ALL = (
    Plain,
    TinyBatches,
    Accumulated,
    LongWarmup,
    KdComesLater,
    LayerwiseFades,
    LabelsOnly,
    KdOnly,
    MostlyLabels,
    Constant,
    WarmupStableDecay,
    WideVocabulary,
    FewPoints,
    LevelsOff,
    FineTuned,
    Resumed,
    ResumedFromBefore,
    ManyEpochs,
    HarderLater,
    ManyLengths,
    LossScale,
    OneBadBatch,
    Interrupted,
    StillRunning,
    HotTeacher,
    Dropout,
    ShortSteps,
    Clipped,
    SmallStudent,
)
