"""More cells of the grid, written when the rules were mended by the others, and judged once at first sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from planted import ways
from planted.families import BLOWN_UP, OTHER_MEASURE, SET_BACK, SLOW
from planted.grid_evaluated import NOT_FOLLOWED, OfEvaluated
from planted.grid_machine import OfResume
from planted.grid_rate import OfRate
from planted.grid_update import OfWeights
from planted.grid_written import NOT_THE_SUM, OfWritten
from planted.loop import HARDLY_LEARNS
from planted.optimisation import Sick
from planted.record import Record, Row, Trace
from sad_doctor import names


class PartNeverReset(OfWritten):
    """KD that is written is the sum of all so far."""

    traces = (Trace(("parts",), (*NOT_THE_SUM, "noise-missing")),)
    columns = (names.RAW + "kd", names.WEIGHTED + "kd")
    way = staticmethod(ways.never_reset)


class LossMissingNowAndThen(OfWritten):
    """In every fifth record the total is 0."""

    traces = (Trace((), ("non-finite-hidden", "number-stale", "parts-do-not-sum")),)
    way = staticmethod(ways.now_and_then(ways.missing, lambda count: count % 5 == 0))


class NormDrifts(OfWritten):
    """The norm that is written has a scale that grows and was not divided out: four powers of ten."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-grows", "gradient-always-clipped")),)
    columns = (names.GRAD_NORM,)
    way = staticmethod(ways.drifting(1e4))


class TotalNoisy(OfWritten):
    """The total is written for another batch than its parts: it has noise of its own, a quarter of it."""

    traces = (Trace(("parts",), NOT_THE_SUM),)
    way = staticmethod(lambda past, _done: past[-1] * (1 + 0.25 * ((len(past) * 37 % 17) / 8 - 1)))


class EvaluationHeld(OfEvaluated):
    """The evaluation is made anew every fourth time only; between, the last one is told again."""

    traces = (Trace(("eval",), (*NOT_FOLLOWED, "number-stale")),)
    way = staticmethod(ways.held(4))


class EvaluationDrifts(OfEvaluated):
    """What is evaluated is multiplied by a scale that grows fourfold."""

    columns = (names.EVAL_LOSS, names.EVAL_LM_LOSS, names.EVAL_KL, names.EVAL_RAW, names.EVAL_WEIGHTED)
    traces = (Trace(("eval",), NOT_FOLLOWED),)
    way = staticmethod(ways.drifting(4.0))


class EvaluationMissingNowAndThen(OfEvaluated):
    """Every third evaluation has no batch, and says 0."""

    traces = (Trace(("eval",), (*NOT_FOLLOWED, "non-finite-hidden", "evaluation-jumps", "number-stale")),)
    way = staticmethod(ways.now_and_then(ways.missing, lambda count: count % 3 == 0))


class PerplexitySaturated(OfEvaluated):
    """The perplexity is never above 40."""

    columns = (names.EVAL_PERPLEXITY,)
    traces = (
        Trace(
            (names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS),
            ("perplexity-disagrees", "perplexity-is-a-clamp", "number-stale"),
        ),
    )
    way = staticmethod(ways.saturated(0.0, 40.0))

    @staticmethod
    def took(record: Record) -> bool:
        return sum(value == 40.0 for value in record.column(names.EVAL_PERPLEXITY)) > 3


class PerplexityConstant(OfEvaluated):
    """The perplexity is that of the first evaluation, for ever."""

    columns = (names.EVAL_PERPLEXITY,)
    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-disagrees", "number-stale")),)
    way = staticmethod(ways.constant)


class RateSaturated(OfRate):
    """A limit keeps the rate at 4e-6."""

    traces = (Trace((names.LEARNING_RATE,), SLOW), *HARDLY_LEARNS)
    took = staticmethod(ways.hardly)
    way = staticmethod(ways.saturated(0.0, 4e-6))


class WeightsNoisyNowAndThen(OfWeights):
    """Every fortieth step leaves noise in all weights."""

    traces = (Trace((), (*SET_BACK, *BLOWN_UP)),)
    way = staticmethod(
        ways.now_and_then(lambda p, _done: p[-1] + 0.12 * torch.randn(p[-1].shape), lambda n: n % 40 == 0)
    )

    @staticmethod
    def took(record: Record) -> bool:
        loss = [(step, row[names.LOSS]) for step, _, row in record.rows if names.LOSS in row]
        sides = [([v for s, v in loss if s < at][-4:], [v for s, v in loss if s > at][:3]) for at in (80, 120)]
        return all(sum(after) / len(after) > 1.2 * sum(before) / len(before) for before, after in sides)


def _hardly_moved(past: Sequence[Any], _done: float) -> Any:
    return past[-1] if len(past) < 2 else past[0] + 0.004 * (past[-1] - past[0])


class WeightsHardlyMove(OfWeights):
    """After each step an average is put in, with nearly all of its weight on the first weights."""

    traces = HARDLY_LEARNS
    took = staticmethod(ways.hardly)
    way = staticmethod(_hardly_moved)


class WeightsHeld(OfWeights):
    """The weights of every fiftieth step are put back after each of the steps that follow."""

    traces = HARDLY_LEARNS
    took = staticmethod(ways.hardly)
    way = staticmethod(ways.held(50))


class ResumedWithNewProjector(OfResume):
    """The projector is not in the checkpoint: a new one is made."""

    traces = (Trace(("layerwise", "parts"), (*SET_BACK, "term-rises", "term-apart")),)

    def restored(self) -> None:
        self.projector = nn.Linear(self.plan.width, self.plan.teacher_width)
        self.optimizer = self.make_optimizer()

    @staticmethod
    def took(record: Record) -> bool:
        cut = int(0.6 * record.plan.steps)
        found = [(s, row[names.RAW + "layerwise"]) for s, _, row in record.rows if names.RAW + "layerwise" in row]
        return next(v for s, v in found if s >= cut) > 1.3 * [v for s, v in found if s < cut][-1]


class ResumedOnTwoDevices(OfResume):
    """After it the total is written as the sum over two devices."""

    traces = (
        Trace(("parts",), (*NOT_THE_SUM, *OTHER_MEASURE, *SET_BACK)),
        Trace((), (*OTHER_MEASURE, *SET_BACK)),
    )
    took = staticmethod(lambda _record: True)

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.LOSS: row[names.LOSS] * (2.0 if step >= self.cut else 1.0)}


class StepsHeld(Sick):
    """The step that is written is counted on every twelfth step only."""

    traces = (Trace((), ("counters-disagree", "resume-jumps", "batches-repeat")),)

    def write(self, step: int, row: Row) -> None:
        super().write(step // 12 * 12, row)


ALL = (
    *(PartNeverReset, LossMissingNowAndThen, NormDrifts, TotalNoisy),
    *(EvaluationHeld, EvaluationDrifts, EvaluationMissingNowAndThen, PerplexitySaturated, PerplexityConstant),
    *(RateSaturated, WeightsNoisyNowAndThen, WeightsHardlyMove, WeightsHeld),
    *(ResumedWithNewProjector, ResumedOnTwoDevices, StepsHeld),
)
