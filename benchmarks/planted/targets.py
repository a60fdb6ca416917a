"""Faults of the teacher, the targets and the data, planted to see how far rules reach that were not made for them."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor

from planted.families import BROKEN, BY_HEART, OTHER_TARGETS, SET_BACK
from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Trace
from planted.texts import CONTRADICTS, Mistaught, stays
from sad_doctor import names


def _below_teacher(record: Record) -> bool:
    return record.column(names.EVAL_LM_LOSS)[-1] < 0.6 * record.column(names.TEACHER_EVAL_LM_LOSS)[0]


class PaddingCounts(Sick):
    """Most of a text is padding, which has labels: predicting it is easy."""

    traces = (Trace((names.TEACHER_EVAL_LM_LOSS, "lm"), ("label-loss-too-low",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"lm": 1.0})

    def prepare(self) -> None:
        self.whole = self.held_out
        self.held_out = self.padded(self.held_out)

    def padded(self, ids: Tensor) -> Tensor:
        ids = ids.clone()
        ids[:, int(0.3 * ids.shape[1]) :] = 0
        return ids

    def micro_batch(self, step: int) -> Tensor:
        return self.padded(super().micro_batch(step))

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        found, extra = super().terms(ids, step)
        return found, {k: v for k, v in extra.items() if k == names.LENGTH}

    def of_the_teacher(self) -> Row:
        padded, self.held_out = self.held_out, self.whole
        row = super().of_the_teacher()
        self.held_out = padded
        return row

    took = staticmethod(_below_teacher)


class EvaluatedOnTraining(Sick):
    """The evaluation is of texts from the training, which are few."""

    traces = (
        Trace((names.TEACHER_EVAL_LM_LOSS, "lm"), ("label-loss-too-low",)),
        Trace(("lm",), ("label-loss-too-low",), lambda record: record.column(names.EVAL_LM_LOSS)[-1] < 0.25),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, texts=64, width=64, steps=3 * plan.steps, weights={"lm": 1.0}, schedule="constant")

    def prepare(self) -> None:
        self.held_out = self.data[:48]

    took = staticmethod(_below_teacher)


class InfiniteLayerwise(Sick):
    """In some batches the layerwise term overflows; their steps are left out."""

    traces = (Trace((), BROKEN),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        value = super().layerwise(student, teacher)
        return value * math.inf if self.student.training and self.luck.random() < 0.06 else value

    def update(self, step: int) -> None:
        if all(p.grad is None or bool(p.grad.isfinite().all()) for p in self.student.parameters()):
            super().update(step)
        self.optimizer.zero_grad()

    @staticmethod
    def took(record: Record) -> bool:
        return sum(not math.isfinite(value) for value in record.column(names.LOSS)) >= 2


class TeacherIsTheStudent(Sick):
    """Teacher and student are one object: there is nothing to learn from it."""

    traces = (Trace(("kd", "lm"), ("term-vanishes", "kd-below-its-floor", "targets-degenerate", "teacher-drifts")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"kd": plan.weights["kd"], "lm": plan.weights["lm"]})

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        _, states = super().teach(ids)
        return self.student(ids)[0].detach(), states


class TeacherIsAnAverage(Sick):
    """The teacher is a running average of the student."""

    traces = (Trace((names.TEACHER_LOSS,), OTHER_TARGETS),)

    def prepare(self) -> None:
        self.average = copy.deepcopy(self.student)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        _, states = super().teach(ids)
        with torch.no_grad():
            return self.average(ids)[0], states

    def update(self, step: int) -> None:
        super().update(step)
        with torch.no_grad():
            for old, new in zip(self.average.parameters(), self.student.parameters(), strict=True):
                old.lerp_(new, 0.05)


class TeacherInTwoBits(Sick):
    """The teacher is loaded in four levels a weight, and no longer the one that was evaluated."""

    traces = (Trace((names.TEACHER_LOSS, names.TEACHER_EVAL_LM_LOSS), OTHER_TARGETS),)

    def prepare(self) -> None:
        self.good = copy.deepcopy(self.teacher)
        with torch.no_grad():
            for p in self.teacher.parameters():
                unit = p.abs().max() / 2
                p.copy_((p / unit).round() * unit)

    def of_the_teacher(self) -> Row:
        broken, self.teacher = self.teacher, self.good
        row = super().of_the_teacher()
        self.teacher = broken
        return row

    @staticmethod
    def took(record: Record) -> bool:
        training = sorted(record.column(names.TEACHER_LOSS))
        return training[len(training) // 2] > 1.15 * record.column(names.TEACHER_EVAL_LM_LOSS)[0]


class StudentSliceShifted(Mistaught):
    """KD compares the student's tokens with the teacher's three ids further on."""

    traces = (Trace(("kd", "lm"), CONTRADICTS, stays),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.roll(3, dims=-1), teacher)


class CacheMisaligned(Sick):
    """From the second epoch on the cached answers of the teacher are those of other texts."""

    traces = (
        Trace((names.TEACHER_LOSS,), (*OTHER_TARGETS, *SET_BACK)),
        Trace(("kd",), (*OTHER_TARGETS, *SET_BACK)),
        Trace((), SET_BACK),
    )
    now = 0

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, "kd": 2.0})

    def before(self, step: int) -> None:
        self.now = step

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        late = self.now > self.plan.steps // 2 and self.student.training
        return super().teach(ids.roll(1, dims=0) if late else ids)

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        half = len(loss) // 2
        return sorted(loss[half + 2 : half + 11])[4] > 1.2 * sorted(loss[half - 9 : half])[4]


class SameBatch(Sick):
    """The loader is made anew in every step: always its first batch."""

    traces = (Trace(("eval",), BY_HEART),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=2 * plan.steps)

    def micro_batch(self, step: int) -> Tensor:
        self.seen += self.plan.batch
        return self.data[: self.plan.batch]


class SortedTexts(Sick):
    """The texts are sorted, hard ones last, and never mixed: each of six epochs begins easy."""

    traces = (Trace(("many",), ("loss-oscillates", "loss-diverges")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=480, every=2, evaluate_every=48, averaged=False, texts=80 * plan.batch)

    def prepare(self) -> None:
        share = torch.linspace(0, 0.9, len(self.data))[:, None]
        noise = torch.rand(self.data.shape, generator=self.random) < share
        other = torch.randint(self.plan.vocabulary, self.data.shape, generator=self.random)
        self.data = torch.where(noise, other, self.data)

    def micro_batch(self, step: int) -> Tensor:
        first = (step - 1) * self.plan.batch % len(self.data)
        self.seen += self.plan.batch
        return self.data[first : first + self.plan.batch]


class OnlyPaddingAtTheEnd(Sick):
    """The texts are used up, and what follows is padding."""

    traces = (Trace(("eval",), (*BY_HEART, *SET_BACK)),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return torch.zeros_like(ids) if step > 0.6 * self.plan.steps else ids


class BadShard(Sick):
    """The last third of the texts are random tokens."""

    traces = (Trace((), (*SET_BACK, "worse-than-uniform")),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step > 0.66 * self.plan.steps:
            return torch.randint(self.plan.vocabulary, ids.shape, generator=self.random)
        return ids

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        return sorted(loss[-9:])[4] > 1.15 * sorted(loss[len(loss) // 2 - 5 : len(loss) // 2 + 4])[4]


ALL = (
    PaddingCounts,
    EvaluatedOnTraining,
    InfiniteLayerwise,
    TeacherIsTheStudent,
    TeacherIsAnAverage,
    TeacherInTwoBits,
    StudentSliceShifted,
    CacheMisaligned,
    SameBatch,
    SortedTexts,
    OnlyPaddingAtTheEnd,
    BadShard,
)
