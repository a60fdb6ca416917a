"""Faults of labels, of alignment, of the teacher and of the data."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from planted.optimisation import Sick
from planted.record import Plan, Record, Trace
from sad_doctor import names

CONTRADICTS = ("kd-stays", "lm-rises-while-kd-falls")


class LabelsNotShifted(Sick):
    """The label of a position is its own token: the LM term falls to nothing, far below the teacher's loss."""

    traces = (Trace(("lm",), ("label-loss-too-low", *CONTRADICTS)),)

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, :-1]


class LabelsShiftedTwice(Sick):
    """The label of a position is the token after the next one."""

    traces = (Trace(("lm", names.TEACHER_LOSS), ("student-no-better", "worse-than-uniform", *CONTRADICTS)),)

    def labels(self, ids: Tensor) -> Tensor:
        return torch.cat([ids[:, 2:], ids[:, :1]], dim=1)


class MisalignedByOne(Sick):
    """The teacher's distributions are those of the position before."""

    traces = (Trace(("kd", "lm"), CONTRADICTS),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits.roll(1, dims=1), states


class OtherTokenizer(Sick):
    """The teacher's vocabulary has other tokens at the same ids."""

    traces = (Trace(("kd", "lm"), CONTRADICTS),)

    def prepare(self) -> None:
        self.ids = torch.randperm(self.plan.vocabulary, generator=torch.Generator().manual_seed(self.plan.seed))

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits[..., self.ids], states


class OtherTexts(Sick):
    """The teacher reads the texts of the batch in another order."""

    traces = (Trace(("kd", "lm"), CONTRADICTS),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        return super().teach(ids.roll(1, dims=0))


class TeacherInTrainMode(Sick):
    """The teacher's dropout is on: it is a worse teacher than its own evaluation says."""

    traces = (Trace((names.TEACHER_LOSS, names.TEACHER_EVAL_LM_LOSS), ("teacher-drifts",)),)

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
        return self.teacher(ids)


class TinyData(Sick):
    """A handful of texts over and over: they are learned by heart."""

    traces = (Trace(("eval",), ("overfitting",)),)

    def planned(self, plan: Plan) -> Plan:
        weights = {"lm": 1.0, "kd": 0.1}
        return replace(plan, texts=self.luck.choice([16, 32]), weights=weights, schedule="constant", width=64)

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
