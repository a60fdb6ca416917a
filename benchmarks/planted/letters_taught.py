"""Faults that an engineer would plant first: texts, labels, the teacher."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planted.causes import TAUGHT_WRONG
from planted.letters import LETTERS, Ill, Words, changed, untaught
from planted.model import Tiny
from planted.record import Plan, Trace
from sad_doctor import names

LEAK = ("label-loss-too-low", "certainty-disagrees")
CHANGED = ("level-breaks", "loss-spike", "loss-diverges")
APART = ("label-loss-apart", "kd-out-of-step", "worse-than-uniform", "lm-rises-while-kd-falls", "targets-degenerate")
TWO_TEXTS = ("evaluation-objective-differs", "evaluation-does-not-follow", "label-loss-apart", "overfitting")


class TeacherRowsRolled(Ill):
    """The teacher's logits are those of the batch's next text."""

    traces = (Trace(("kd",), TAUGHT_WRONG),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        return super().teach(ids.roll(1, 0))


class TeacherCheckpointMissing(Ill):
    """The teacher has the weights that it was made with."""

    traces = (Trace((names.TEACHER_LOSS,), TAUGHT_WRONG),)

    def begin(self) -> None:
        self.teacher = untaught(self)


class TeacherHeadMissing(Ill):
    """The teacher's head was not in the file: strict=False left a fresh one."""

    traces = (Trace(("kd",), TAUGHT_WRONG),)

    def begin(self) -> None:
        self.teacher.head.weight.data = 0.3 * torch.randn_like(self.teacher.head.weight)


class TeacherLeftInTraining(Ill):
    """The teacher's dropout, 0.3, is on."""

    traces = (Trace((names.TEACHER_LOSS,), ("teacher-drifts", "teacher-does-not-match")),)

    def begin(self) -> None:
        for module in self.teacher.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.3
        self.teacher.train()


class TeacherOtherTokenizer(Ill):
    """The teacher reads and writes the ids of another tokenizer."""

    traces = (Trace(("kd",), TAUGHT_WRONG),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        return super().teach(changed(ids))


class KdShifted(Ill):
    """The student's logits at a place are compared with the teacher's at the next one."""

    traces = (Trace(("kd",), TAUGHT_WRONG),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student[:, :-1], teacher[:, 1:])


class LabelsAreInputs(Ill):
    """Each label is the token that is read: nobody shifts."""

    traces = (Trace(("lm",), (*LEAK, "kd-stays", "kd-out-of-step")),)

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, :-1]


class LabelsOtherIds(Ill):
    """The labels are ids of another tokenizer than the inputs."""

    traces = (Trace(("lm", "kd"), APART),)

    def labels(self, ids: Tensor) -> Tensor:
        return changed(super().labels(ids))


class LabelsMixedUp(Ill):
    """The labels belong to the other texts of the batch, in training alone."""

    traces = (Trace(("lm", "kd"), APART),)

    def labels(self, ids: Tensor) -> Tensor:
        return super().labels(ids.roll(1, 0) if self.student.training else ids)


class TwelveTexts(Ill):
    """The data set was cut to twelve texts for a test, and stayed so."""

    traces = (Trace((), ("overfitting", "label-loss-too-low", "batches-repeat", "label-loss-apart")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), texts=12)


class OneBatchForEver(Ill):
    """next(iter(loader)) in the loop, without shuffling."""

    traces = (Trace((), ("overfitting", "noise-missing", "batches-repeat", "label-loss-too-low", "label-loss-apart")),)

    def micro_batch(self, step: int) -> Tensor:
        self.seen += self.plan.batch
        return self.data[: self.plan.batch]


class PaddedWithLabels(Ill):
    """Three quarters of each training text are padding that has labels."""

    traces = (Trace(("lm",), (*LEAK, "targets-degenerate", *APART, *TWO_TEXTS)),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step).clone()
        ids[:, 8:] = LETTERS - 1
        return ids


class BatchesWithoutLabels(Ill):
    """One batch in thirty has no label: its mean is 0 / 0, and the weights with it."""

    traces = (Trace((), ("non-finite", "non-finite-hidden", "non-finite-gradient")),)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        if self.student.training and self.luck.random() < 1 / 30:
            labels = torch.full_like(labels, -100)
        return F.cross_entropy(student.flatten(0, 1), labels.flatten())


class EvaluationOtherIds(Ill):
    """The texts of the evaluation were made with another tokenizer."""

    traces = (Trace(("eval",), (*TWO_TEXTS, "worse-than-uniform")),)

    def begin(self) -> None:
        self.held_out = changed(self.held_out)


class StudentSeesAhead(Ill):
    """The student's attention has no causal mask."""

    traces = (Trace((), LEAK),)

    def begin(self) -> None:
        self.student = Open(LETTERS, self.plan.width, 2, 4, self.plan.length, 0.0)


class Open(Tiny):
    """Each place is told the token after it."""

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        shown = self.token(ids) + self.place(torch.arange(ids.shape[1]))
        shown = shown + self.token(ids.roll(-1, 1)).roll(1, -1)
        x = shown
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits, x


class CorpusChanges(Ill):
    """From the middle on the texts are of another language, without a word to anyone."""

    traces = (Trace((), (*CHANGED, "overfitting", *TWO_TEXTS)),)

    def begin(self) -> None:
        self.other = Words(71).texts(512, self.plan.length + 1, self.random)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return self.other[torch.randint(512, (len(ids),), generator=self.random)] if step > self.plan.steps / 2 else ids


class GarbledShard(Ill):
    """The texts of a tenth of the run, past its middle, are random letters."""

    traces = (Trace((), CHANGED),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        garbled = 0.55 < step / self.plan.steps < 0.65
        return torch.randint(LETTERS, ids.shape, generator=self.random) if garbled else ids


class LogitsScaledTwice(Ill):
    """From 40% on the teacher's logits are multiplied by ten: a scale that is applied twice."""

    traces = (Trace(("kd",), (*TAUGHT_WRONG, *CHANGED)),)
    late = False

    def before(self, step: int) -> None:
        self.late = step > 0.4 * self.plan.steps

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return (10 * logits if self.late else logits), states


class NoiseInLabels(Ill):
    """Half of the training's labels are random."""

    traces = (Trace(("lm",), (*APART, "evaluation-better", "student-no-better")),)

    def labels(self, ids: Tensor) -> Tensor:
        labels = super().labels(ids)
        if not self.student.training:
            return labels
        wrong = torch.rand(labels.shape, generator=self.random) < 0.5
        return torch.where(wrong, torch.randint(LETTERS, labels.shape, generator=self.random), labels)


ALL = (
    TeacherRowsRolled,
    TeacherCheckpointMissing,
    TeacherHeadMissing,
    TeacherLeftInTraining,
    TeacherOtherTokenizer,
    KdShifted,
    LabelsAreInputs,
    LabelsOtherIds,
    LabelsMixedUp,
    TwelveTexts,
    OneBatchForEver,
    PaddedWithLabels,
    BatchesWithoutLabels,
    EvaluationOtherIds,
    StudentSeesAhead,
    CorpusChanges,
    GarbledShard,
    LogitsScaledTwice,
    NoiseInLabels,
)
