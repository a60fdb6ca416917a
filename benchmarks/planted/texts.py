"""Faults of labels, of alignment, of the teacher and of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from planted.optimisation import Sick
from planted.record import Plan, Record, Trace
from sad_doctor import names

CONTRADICTS = ("kd-stays", "lm-rises-while-kd-falls", "teacher-does-not-match")


def _thirds(values: list[float]) -> tuple[float, float]:
    """Medians of the first and of the last third."""
    third = len(values) // 3
    return sorted(values[:third])[third // 2], sorted(values[-third:])[third // 2]


def stays(record: Record) -> bool:
    """Whether KD keeps its level while the label loss falls."""
    (kd, kd_last), (lm, lm_last) = (_thirds(record.column(names.RAW + term)) for term in ("kd", "lm"))
    return kd_last > 0.98 * kd and lm_last < 0.88 * lm


def dropped(record: Record) -> bool:
    """Whether the teacher's loss in training is clearly above its held-out one."""
    training, held_out = record.column(names.TEACHER_LOSS), record.column(names.TEACHER_EVAL_LM_LOSS)
    return sorted(training)[len(training) // 2] > held_out[0] + max(0.2, 0.06 * held_out[0])


class LabelsNotShifted(Sick):
    """The label of a position is its own token: the LM term falls to nothing, far below any text's entropy."""

    traces = (Trace(("lm",), ("label-loss-too-low",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=plan.steps * 2, rate=6e-3, weights={**plan.weights, "lm": 3.0})

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, :-1]

    @staticmethod
    def took(record: Record) -> bool:
        return record.column(names.EVAL_LM_LOSS)[-1] < 0.25


class LabelsShiftedTwice(Sick):
    """The label of a position is the token after the next one: KD falls, and the LM term does not."""

    traces = (Trace(("kd", "lm"), ("lm-rises-while-kd-falls", "worse-than-uniform")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, "kd": 2.0, "lm": 0.5})

    def labels(self, ids: Tensor) -> Tensor:
        return torch.cat([ids[:, 2:], ids[:, :1]], dim=1)

    @staticmethod
    def took(record: Record) -> bool:
        (kd, kd_last), (lm, lm_last) = (_thirds(record.column(names.RAW + term)) for term in ("kd", "lm"))
        return kd_last < 0.75 * kd and lm_last > 0.98 * lm


class Mistaught(Sick):
    """The teacher answers for something else than the student reads, for long enough to be seen."""

    traces: ClassVar[tuple[Trace, ...]] = (
        Trace((names.TEACHER_LOSS,), (*CONTRADICTS, "targets-degenerate")),
        Trace(("kd", "lm"), CONTRADICTS, stays),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=plan.steps * 2)


class MisalignedByOne(Mistaught):
    """The teacher's distributions are those of the position before."""

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits.roll(1, dims=1), states


class OtherTokenizer(Mistaught):
    """The teacher's vocabulary has other tokens at the same ids."""

    def prepare(self) -> None:
        self.ids = torch.randperm(self.plan.vocabulary, generator=torch.Generator().manual_seed(self.plan.seed))

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits[..., self.ids], states


class OtherTexts(Mistaught):
    """The teacher reads the texts of the batch in another order."""

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        return super().teach(ids.roll(1, dims=0))


class TeacherInTrainMode(Sick):
    """The teacher's dropout is on: it is worse than its evaluation says, by more than the texts differ."""

    traces = (
        Trace((names.TEACHER_LOSS, names.TEACHER_EVAL_LM_LOSS, names.EVAL_LM_LOSS), ("teacher-drifts",), dropped),
    )

    def prepare(self) -> None:
        for module in self.teacher.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.3
        self.teacher.train()


class TeacherTrained(Sick):
    """The teacher's weights are in the optimizer: it comes to meet the student."""

    traces = (Trace((names.TEACHER_LOSS,), ("teacher-drifts",)),)

    def parameters(self) -> list[nn.Parameter]:
        return [*super().parameters(), *self.teacher.requires_grad_(True).parameters()]

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = self.teacher(ids)
        return logits, states


class TinyData(Sick):
    """A handful of texts over and over: they are learned by heart."""

    traces = (Trace(("eval",), ("overfitting",)),)

    def planned(self, plan: Plan) -> Plan:
        texts = self.luck.choice([96, 160])
        return replace(plan, texts=texts, weights={"lm": 1.0}, schedule="constant", width=64, steps=plan.steps * 2)

    @staticmethod
    def took(record: Record) -> bool:
        lm = record.column(names.EVAL_LM_LOSS)
        return lm[-1] > 1.05 * min(lm) + 0.05


ALL = (
    LabelsNotShifted,
    LabelsShiftedTwice,
    MisalignedByOne,
    OtherTokenizer,
    OtherTexts,
    TeacherInTrainMode,
    TeacherTrained,
    TinyData,
)
