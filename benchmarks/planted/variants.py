"""Healthy runs with another objective than the usual one: what other recipes rightly look like."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.record import Plan
from planted.training import Training


class ReverseKl(Training):
    """KL from the student to the teacher."""

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(teacher, student)


class JensenShannon(Training):
    """A generalised Jensen-Shannon divergence, never above ln 2."""

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        ours, theirs = F.log_softmax(student, -1), F.log_softmax(teacher, -1)
        middle = torch.logaddexp(ours, theirs) - math.log(2)
        one, other = ((side.exp() * (side - middle)).sum(-1).mean() for side in (ours, theirs))
        return 0.5 * (one + other)


class SmoothedLabels(Training):
    """A tenth of each label is spread over the vocabulary."""

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        smoothing = 0.1 if self.student.training else 0.0
        return F.cross_entropy(student.flatten(0, 1), labels.flatten(), label_smoothing=smoothing)


class CosineLayerwise(Training):
    """The layerwise term is one minus a cosine."""

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (1 - F.cosine_similarity(self.projector(student), teacher, dim=-1)).mean()


class HeavyWeights(Training):
    """Weights of which none is below 1: a total that is far above any cross-entropy."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"kd": 6.0, "lm": 4.0, "layerwise": 2.0})


class AnnealedTemperature(Training):
    """The temperature comes down from 4 to 1 over the run."""

    def before(self, step: int) -> None:
        self.now = 4.0 - 3.0 * step / self.plan.steps

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = getattr(self, "now", 4.0)
        theirs, ours = F.log_softmax(teacher / t, -1), F.log_softmax(student / t, -1)
        return t * t * (theirs.exp() * (theirs - ours)).sum(-1).mean()


class TightClip(Training):
    """A clip below every norm, which Adam does not mind, and an accumulation of four."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, clip=0.3, accumulation=4, batch=4)


ALL = (ReverseKl, JensenShannon, SmoothedLabels, CosineLayerwise, HeavyWeights, AnnealedTemperature, TightClip)
