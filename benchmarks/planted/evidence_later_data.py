"""Faults of data and teacher that were written in the middle of the mends, before they were run."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.optimisation import Sick
from planted.record import Plan, Trace


class EndsInPadding(Sick):
    """From 60% on the second half of each text is one token (generations that ended early, padded and counted)."""

    traces = (Trace((), ("level-breaks", "label-loss-apart", "term-apart")),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step).clone()
        if step >= 0.6 * self.plan.steps:
            ids[:, ids.shape[1] // 2 :] = 0
        return ids


class LabelNoiseGrows(Sick):
    """A growing share of the training's labels is of other tokens, half of them in the end."""

    traces = (
        Trace((), ("label-loss-apart", "evaluation-better", "kd-out-of-step", "certainty-disagrees", "term-rises")),
    )

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def labels(self, ids: Tensor) -> Tensor:
        out = ids[:, 1:]
        if not self.student.training:
            return out
        bad = torch.rand(out.shape, generator=self.random) < 0.5 * self.now / self.plan.steps
        return torch.where(bad, torch.randint(self.plan.vocabulary, out.shape, generator=self.random), out)


class KdClampedPerToken(Sick):
    """KD of each token is clamped at 0.6: those above give no gradient."""

    traces = (
        Trace(
            ("kd",),
            (
                "number-stale",
                "kd-stays",
                "kd-out-of-step",
                "term-stays",
                "noise-missing",
                "weights-frozen",
                "learning-rate-zero",
                "gradient-vanishes",
                "updates-tiny",
                "early-plateau",
                "student-no-better",
                "learns-little",
                "learning-rate-odd",
            ),
        ),
    )

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = self.plan.temperature
        theirs, ours = F.log_softmax(teacher / t, -1), F.log_softmax(student / t, -1)
        return t * t * (theirs.exp() * (theirs - ours)).sum(-1).clamp(max=0.6).mean()


class OtherTokenizerFromShard(Sick):
    """From 45% on the texts were tokenized by another tokenizer: ids mean other tokens."""

    traces = (
        Trace((), ("level-breaks", "loss-spike", "loss-diverges", "resume-jumps", "starts-over", "targets-degenerate")),
    )

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step < 0.45 * self.plan.steps:
            return ids
        order = torch.randperm(self.plan.vocabulary, generator=torch.Generator().manual_seed(4))
        return order[ids]


class TeacherNoisyAtFirst(Sick):
    """Until 30% the teacher's logits have noise (calibration of its quantisation is not done yet)."""

    traces = (Trace(("train/teacher_lm_loss",), ("teacher-drifts", "level-breaks", "teacher-does-not-match")),)

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        if self.now < 0.3 * self.plan.steps:
            logits = logits + 2.0 * torch.randn(logits.shape, generator=self.random)
        return logits, states


class MaskGrows(Sick):
    """The share of tokens that count falls to 3% in a straight line."""

    traces = (Trace((), ("loss-oscillates", "covers-little", "level-breaks", "gradient-grows")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def _cut(self, x: Tensor) -> Tensor:
        if not self.student.training:
            return x
        keep = max(1, int(x.shape[1] * (1 - 0.99 * self.now / self.plan.steps)))
        start = int(torch.randint(x.shape[1] - keep + 1, (), generator=torch.Generator().manual_seed(self.now)))
        return x[:1, start : start + keep] if keep < 4 else x[:, start : start + keep]

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(self._cut(student), self._cut(teacher))

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(self._cut(student), self._cut(labels))


class TemperatureTwiceFromStep(Sick):
    """From 55% on the teacher's logits are divided by the temperature twice (4 more): its targets are nearly flat."""

    traces = (
        Trace(
            ("kd",), ("level-breaks", "kd-out-of-step", "targets-degenerate", "term-rises", "lm-rises-while-kd-falls")
        ),
    )

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher / 4 if self.now >= 0.55 * self.plan.steps else teacher)


class SortedWithinWindows(Sick):
    """The sampler sorts the texts of each window of 16 batches by how hard they are."""

    traces = (Trace((), ("batches-repeat", "level-breaks", "loss-oscillates", "two-levels", "batches-in-waves")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False, every=1 if plan.every < 3 else 2)

    def prepare(self) -> None:
        noise = torch.rand(len(self.data), 1, generator=self.random) * 0.5
        spoilt = torch.rand(self.data.shape, generator=self.random) < noise
        self.data = torch.where(
            spoilt, torch.randint(self.plan.vocabulary, self.data.shape, generator=self.random), self.data
        )
        size = 16 * self.plan.batch
        hard = noise.flatten()
        self.rows = [
            part[torch.argsort(hard[part])]
            for part in torch.split(torch.randperm(len(self.data), generator=self.random), size)
        ]

    def micro_batch(self, step: int) -> Tensor:
        window, at = divmod(step - 1, 16)
        rows = self.rows[window % (len(self.rows) - 1)]
        return self.data[rows[at * self.plan.batch : (at + 1) * self.plan.batch]]


class TeacherCutShort(Sick):
    """From 30% on the teacher's inputs are cut to their first half, the rest is token 0."""

    traces = (
        Trace(
            ("kd",),
            (
                "level-breaks",
                "teacher-drifts",
                "kd-stays",
                "lm-rises-while-kd-falls",
                "teacher-does-not-match",
                "targets-degenerate",
                "term-rises",
                "columns-copied",
                "term-apart",
                "kd-out-of-step",
            ),
        ),
    )

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        if self.now >= 0.3 * self.plan.steps and self.student.training:
            ids = ids.clone()
            ids[:, ids.shape[1] // 2 :] = 0
        return super().teach(ids)


ALL = (
    EndsInPadding,
    LabelNoiseGrows,
    KdClampedPerToken,
    OtherTokenizerFromShard,
    TeacherNoisyAtFirst,
    MaskGrows,
    TemperatureTwiceFromStep,
    SortedWithinWindows,
    TeacherCutShort,
)
