"""More faults from the same list of bugs, judged once after the rules were mended; the last two the rules foresaw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from planted.families import BROKEN, BY_HEART, OTHER_MEASURE, SLOW
from planted.optimisation import Sick
from planted.record import Plan, Row, Trace
from sad_doctor import names


class SoftmaxLogHalf(Sick):
    """The logarithm of a float16 softmax: a probability that is 0 there makes the KL infinite or no number."""

    traces = (Trace((), (*BROKEN, "loss-spike")),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        ours, theirs = (10 * student).softmax(-1).half().float(), (10 * teacher).softmax(-1).half().float()
        return (theirs * (theirs.log() - ours.log())).sum(-1).mean()


class SoftmaxBothSides(Sick):
    """KD of the softmax of probabilities, on both sides: next to nothing from the first record on."""

    traces = (Trace(("kd", "lm"), ("term-vanishes", "term-collapses", "targets-degenerate")),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.softmax(-1), teacher.softmax(-1))


class EvaluationIsZero(Sick):
    """The evaluation's forward has no labels: its label loss is 0, and its perplexity 1."""

    traces = (
        Trace(
            (names.EVAL_LM_LOSS,),
            (*OTHER_MEASURE, "evaluation-does-not-follow", "label-loss-too-low", "non-finite-hidden", "term-vanishes"),
        ),
        Trace(("eval/loss",), OTHER_MEASURE),
    )

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        return super().evaluated({**raw, "lm": 0.0}, {**weighted, "lm": 0.0})


class ProjectorElsewhere(Sick):
    """The projector is trained on states and evaluated on something else: the evaluation's layerwise term is off."""

    traces = (Trace(("eval/loss", "parts"), OTHER_MEASURE),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        if self.student.training:
            return super().layerwise(student, teacher)
        return 30 * super().layerwise(student.softmax(-1), teacher)


class AuxNotLogged(Sick):
    """A load balance times the number of micro-batches is in the total, and in no column."""

    traces = (Trace(("parts",), ("parts-do-not-sum",)),)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return super().total(weighted) + 8 * (0.1 + 0.02 * self.luck.random())


class DropoutTooHigh(Sick):
    """Seven of ten states are dropped in the student's training."""

    traces = (Trace((names.EVAL_LM_LOSS,), ("evaluation-better", *SLOW)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.7)


class ReplayedOrder(Sick):
    """Every epoch has the order of the first."""

    traces = (Trace((), ("batches-repeat", *BY_HEART)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, texts=plan.batch * 12, every=1, averaged=False)

    def micro_batch(self, step: int) -> Tensor:
        at = self.seen % len(self.data)
        self.seen += self.plan.batch
        return self.data[at : at + self.plan.batch]


class RunningMean(Sick):
    """The loss that is logged is the mean since the beginning."""

    traces = (Trace(("parts",), ("noise-missing", "parts-do-not-sum")), Trace((), ("noise-missing", *OTHER_MEASURE)))

    def logged(self, row: Row, step: int) -> Row:
        self.sums = getattr(self, "sums", 0.0) + row[names.LOSS]
        self.count = getattr(self, "count", 0) + 1
        return row | {names.LOSS: self.sums / self.count}


ALL = (
    SoftmaxLogHalf,
    SoftmaxBothSides,
    EvaluationIsZero,
    ProjectorElsewhere,
    AuxNotLogged,
    DropoutTooHigh,
    ReplayedOrder,
    RunningMean,
)
