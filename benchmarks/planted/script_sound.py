"""Healthy runs of a loop of one file, each odd in one way."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.record import Plan, Row
from planted.script import TOKENS, Script
from sad_doctor import names


class AsMeant(Script):
    """Nothing odd."""


class AsMeantAgain(Script):
    """Nothing odd, with other numbers."""


class TaughtAlone(Script):
    """KD alone."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 1.0})


class WeakTeacher(Script):
    """A teacher that has seen little: the student becomes the better of the two."""

    lessons = 60


class ClipOfAFifth(Script):
    """Adam behind a clip of 0.2, which is always on and takes nothing from it."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), clip=0.2)


class NoSchedule(Script):
    """One rate from the first step to the last."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), schedule="constant", warmup=0.0, rate=1e-3)


class SharedMachine(Script):
    """The machine has other users: steps take one to three times as long, by the minute."""

    slow = 1.0

    def seconds(self, step: int) -> float:
        if step % 7 == 0:
            self.slow = 1 + 2 * self.luck.random() ** 2
        return super().seconds(step) * self.slow


class SmallTextsManyPasses(Script):
    """Two hundred texts, read eight times, with dropout."""

    def planned(self, plan: Plan) -> Plan:
        plan = super().planned(plan)
        return replace(plan, texts=plan.steps * plan.batch * plan.accumulation // 8, dropout=0.2)


class OneSourceIsNoise(Script):
    """A tenth of the texts is noise, from the first step on: what a crawl holds."""

    def begin(self) -> None:
        self.data[::10] = torch.randint(TOKENS, self.data[::10].shape, generator=self.random)


class LabelsAreEvaluated(Script):
    """The evaluation's loss is that of labels alone, as it is reported in papers; the training's is of both terms."""

    def evaluated(self, raw: dict[str, float], weighted: dict[str, float]) -> Row:  # type: ignore[override]
        return {names.EVAL_LOSS: raw["lm"], names.EVAL_LM_LOSS: raw["lm"], names.EVAL_PERPLEXITY: math.exp(raw["lm"])}


class CosineOfStates(Script):
    """A third term, one minus the cosine of projected states."""

    def planned(self, plan: Plan) -> Plan:
        plan = super().planned(plan)
        return replace(plan, weights={**plan.weights, "layerwise": 1.0})

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return 1 - F.cosine_similarity(self.projector(student), teacher, -1).mean()


ALL = (
    AsMeant,
    AsMeantAgain,
    TaughtAlone,
    WeakTeacher,
    ClipOfAFifth,
    NoSchedule,
    SharedMachine,
    SmallTextsManyPasses,
    OneSourceIsNoise,
    LabelsAreEvaluated,
    CosineOfStates,
)
