"""Faults of the loop that were written in the middle of the mends, before they were run."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from planted.optimisation import Sick
from planted.record import Row, Trace
from sad_doctor import names


class RateGrowsAtEvaluations(Sick):
    """Each evaluation multiplies the rate by 1.6 (a plateau scheduler with its mode and factor the wrong way round)."""

    traces = (
        Trace(
            ("train/lr",),
            (
                "learning-rate-odd",
                "loss-diverges",
                "loss-oscillates",
                "non-finite",
                "loss-spike",
                "starts-too-fast",
                "gradient-grows",
            ),
        ),
    )

    def learning_rate(self, step: int) -> float:
        return 0.3 * self.plan.rate * 1.6 ** (step // self.plan.evaluate_every)


class SlowAfterEvaluation(Sick):
    """After each evaluation the workers start anew: four steps take six times as long."""

    traces = (Trace(("train/tokens_per_second",), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        since = step % self.plan.evaluate_every
        return super().seconds(step) * (6.0 if 0 < since <= max(4, 2 * self.plan.every) else 1.0)


class EvaluationWithoutLabels(Sick):
    """The evaluation's total is without the label loss."""

    traces = (
        Trace(
            ("eval", "parts"),
            (
                "evaluation-objective-differs",
                "perplexity-disagrees",
                "evaluation-better",
                "totals-differ",
                "certainty-disagrees",
                "evaluation-set-changes",
                "parts-do-not-sum",
            ),
        ),
    )

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        row[names.EVAL_LOSS] = sum(v for k, v in weighted.items() if k != "lm")
        return row


class LayerwiseSelfNormalised(Sick):
    """The layerwise term is divided by its own detached value: it is 1 for ever."""

    traces = (Trace(("layerwise",), ("term-stays", "number-stale", "noise-missing")),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        found = super().layerwise(student, teacher)
        return found / (found.detach() + 0.02)


class DropoutAfterResume(Sick):
    """After the resume the student has the dropout of the default configuration, 0.4."""

    traces = (
        Trace(
            (), ("resume-jumps", "level-breaks", "evaluation-better", "term-apart", "label-loss-apart", "loss-spike")
        ),
    )

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))
            for m in self.student.modules():
                if isinstance(m, nn.Dropout):
                    m.p = 0.4


class ProjectorMadeAtEvaluation(Sick):
    """Each evaluation makes the projector anew (the wrapper prepares it again)."""

    traces = (
        Trace(
            ("layerwise",),
            ("starts-over", "loss-spike", "records-stand-out", "loss-oscillates", "resume-jumps", "term-apart"),
        ),
    )

    def evaluate(self, step: int) -> Row:
        row = super().evaluate(step)
        if step:
            self.projector.reset_parameters()
        return row


ALL = (
    RateGrowsAtEvaluations,
    SlowAfterEvaluation,
    EvaluationWithoutLabels,
    LayerwiseSelfNormalised,
    DropoutAfterResume,
    ProjectorMadeAtEvaluation,
)
