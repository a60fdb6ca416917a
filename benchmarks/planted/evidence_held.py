"""The half of the same list that was held back until the rules were mended by the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from planted.causes import TAUGHT_WRONG
from planted.optimisation import Sick
from planted.record import Plan, Row, Trace
from sad_doctor import names


class UnfreezesLate(Sick):
    """Everything but the head is frozen until 40% of the run: the callback comes late."""

    traces = (Trace(("train/grad_norm",), ("level-breaks", "weights-frozen", "early-plateau")),)

    def update(self, step: int) -> None:
        if step < 0.4 * self.plan.steps:
            for n, p in self.student.named_parameters():
                if not n.startswith("head"):
                    p.grad = None
        super().update(step)

    def gradients(self, step: int) -> None:
        if step < 0.4 * self.plan.steps:
            for n, p in self.student.named_parameters():
                if not n.startswith("head"):
                    p.grad = None


class AccumulationLostAtResume(Sick):
    """After the resume the accumulation is 1 in place of 8."""

    traces = (Trace((), ("resume-jumps", "counters-disagree", "level-breaks", "throughput-falls")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, accumulation=8, batch=2, averaged=False)

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))
            self.plan = replace(self.plan, accumulation=1)


class WarmupEachEpoch(Sick):
    """The scheduler is made anew in every epoch: the rate warms up from 0 five times."""

    traces = (Trace(("train/lr",), ("learning-rate-odd", "learning-rate-zero", "resume-jumps", "batches-repeat")),)

    def learning_rate(self, step: int) -> float:
        period = self.plan.steps // 5
        return self.plan.rate * ((step - 1) % period + 0.0) / period


class InputsCorrupted(Sick):
    """A third of the student's input tokens are replaced in training, as a collator for denoising does."""

    traces = (
        Trace(
            (),
            (
                "label-loss-apart",
                "evaluation-better",
                "term-apart",
                "teacher-does-not-match",
                "kd-out-of-step",
                "evaluation-objective-differs",
            ),
        ),
    )

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        if not self.student.training:
            return super().terms(ids, step)
        inputs, labels = ids[:, :-1], ids[:, 1:]
        theirs, their_states = self.teach(inputs)
        spoilt = torch.where(
            torch.rand(inputs.shape, generator=self.random) < 0.33,
            torch.randint(self.plan.vocabulary, inputs.shape, generator=self.random),
            inputs,
        )
        found, extra = super().terms(ids, step)
        ours, states = self.student(spoilt)
        new = {
            "kd": self.kd(ours, theirs),
            "lm": self.lm(ours, labels),
            "layerwise": self.layerwise(states, their_states),
        }
        return {k: new[k] for k in found}, extra


class PromptCountsAfterResume(Sick):
    """Half of each text is one fixed prompt; it is masked until the resume and counts after it."""

    traces = (Trace((), ("level-breaks", "resume-jumps")),)

    def prepare(self) -> None:
        half = self.plan.length // 2
        for data in (self.data, self.held_out):
            data[:, :half] = torch.arange(half) % 7

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))
        self.now = step

    now = 0

    def _cut(self, x: Tensor) -> Tensor:
        return x[:, self.plan.length // 2 :] if self.now < self.plan.steps // 2 else x

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(self._cut(student), self._cut(teacher))

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(self._cut(student), self._cut(labels))

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().layerwise(self._cut(student), self._cut(teacher))


class TeacherOverflows(Sick):
    """The teacher's float16 logits overflow in a few batches, and nan_to_num makes them all equal."""

    traces = (
        Trace(
            ("train/teacher_entropy",),
            ("targets-degenerate", "loss-spike", "teacher-drifts", "number-stale", "records-far-out"),
        ),
    )

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        if self.student.training and float(torch.rand((), generator=self.random)) < 0.12:
            logits = torch.zeros_like(logits)
        return logits, states


class TeacherTrainsAfterEvaluation(Sick):
    """The first evaluation ends with wrapper.train(), which turns on the teacher's dropout (0.3)."""

    traces = (
        Trace(
            ("train/teacher_lm_loss",),
            ("teacher-drifts", "level-breaks", "teacher-does-not-match", "term-apart", "resume-jumps"),
        ),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, evaluate_every=plan.steps // 5)

    def before(self, step: int) -> None:
        if step == self.plan.evaluate_every + 1:
            for m in self.teacher.modules():
                if isinstance(m, nn.Dropout):
                    m.p = 0.3
            self.teacher.train()


class TotalInBf16(Sick):
    """The total is summed and logged in bfloat16; the parts are not."""

    traces = (Trace((), ("number-stale", "noise-missing", "parts-do-not-sum", "digits-few")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return torch.stack(list(weighted.values())).bfloat16().sum().float()

    def logged(self, row: Row, step: int) -> Row:
        return {**row, names.LOSS: float(torch.tensor(row[names.LOSS]).bfloat16())}


class ScaleCollapses(Sick):
    """float16: the loss scale halves again and again and never grows, until gradients underflow."""

    traces = (
        Trace(
            ("train/grad_norm",),
            (
                "gradient-vanishes",
                "weights-frozen",
                "learning-rate-zero",
                "updates-tiny",
                "early-plateau",
                "student-no-better",
                "learns-little",
                "learning-rate-odd",
                "level-breaks",
            ),
        ),
    )

    def gradients(self, step: int) -> None:
        scale = 2.0 ** (6 - step / (self.plan.steps / 40))
        for p in self.student.parameters():
            if p.grad is not None:
                p.grad = (p.grad * scale).half().float() / scale if scale > 1e-30 else p.grad * 0


class ResumeWithOtherTeacher(Sick):
    """After the resume the teacher is another checkpoint, hardly trained."""

    traces = (
        Trace(
            ("kd",),
            (
                "level-breaks",
                "resume-jumps",
                *TAUGHT_WRONG,
            ),
        ),
    )

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))
            with torch.no_grad():
                for p in self.teacher.parameters():
                    p.add_(torch.randn(p.shape, generator=self.random) * p.std() * 0.8 if p.numel() > 1 else 0)


class EvaluationReseeds(Sick):
    """Each evaluation sets the seed: the same texts follow after each one, in the same order."""

    traces = (
        Trace(
            (),
            (
                "overfitting",
                "label-loss-too-low",
                "noise-missing",
                "batches-repeat",
                "label-loss-apart",
                "evaluation-seen",
                "certainty-disagrees",
                "evaluation-does-not-follow",
            ),
        ),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False, every=min(plan.every, 2), evaluate_every=16 * min(plan.every, 2))

    def micro_batch(self, step: int) -> Tensor:
        if (step - 1) % self.plan.evaluate_every == 0:
            self.random.manual_seed(5)
            self.order = []
        return super().micro_batch(step)


class RecordAfterEvaluationHalved(Sick):
    """The record after each evaluation divides its sum by twice the steps: the loss there is half."""

    traces = (Trace((), ("parts-do-not-sum", "totals-differ", "batches-repeat", "loss-spike", "records-stand-out")),)

    def logged(self, row: Row, step: int) -> Row:
        hit = (
            step > self.plan.evaluate_every
            and (step - 1) // self.plan.evaluate_every != (step - 1 - self.plan.every) // self.plan.evaluate_every
        )
        return {**row, names.LOSS: row[names.LOSS] / 2} if hit else row


ALL = (
    UnfreezesLate,
    AccumulationLostAtResume,
    WarmupEachEpoch,
    InputsCorrupted,
    PromptCountsAfterResume,
    TeacherOverflows,
    TeacherTrainsAfterEvaluation,
    TotalInBf16,
    ScaleCollapses,
    ResumeWithOtherTeacher,
    EvaluationReseeds,
    RecordAfterEvaluationHalved,
)
