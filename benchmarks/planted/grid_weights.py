"""The grid's rows of the layerwise term and of the weights.

The causes were written down before any of these logs was judged: see ``grid_terms.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from planted import grid_ways as ways
from planted.families import BLOWN_UP, SET_BACK
from planted.grid import Cell, cell
from planted.grid_data import PERIODIC
from planted.grid_terms import FADED, HELD, LARGE, OWNS, TURNED, held
from planted.record import Trace
from planted.reported import ABSENT
from planted.training import Training

LAYERWISE: tuple[type[Training], ...] = (
    cell(
        "LayerwiseSummed",
        "The layerwise term is a sum over the tokens.",
        "layerwise",
        ways.by_size,
        Trace(("layerwise", "parts"), (*OWNS, *LARGE)),
        Trace((), (*LARGE, *BLOWN_UP)),
        everywhere=True,
    ),
    cell(
        "LayerwiseLargeNowAndThen",
        "In every tenth step the layerwise term is eighty times too large.",
        "layerwise",
        ways.now_and_then(ways.scaled(80.0), 10),
        Trace(("layerwise", "parts"), (*OWNS, *PERIODIC)),
        Trace((), PERIODIC),
    ),
    cell(
        "LayerwiseClamped",
        "The layerwise term is clamped to at most 0.5: above it there is no gradient.",
        "layerwise",
        ways.saturated(0.0, 0.5),
        Trace(("layerwise", "parts"), HELD),
        everywhere=True,
        took=held("layerwise"),
    ),
    cell(
        "LayerwiseTurned",
        "The sign of the layerwise term is turned.",
        "layerwise",
        ways.turned,
        Trace(("layerwise",), (*TURNED, "term-rises")),
        everywhere=True,
    ),
    cell(
        "LayerwiseNeverReset",
        "The layerwise term is the sum of all of its values so far.",
        "layerwise",
        ways.never_reset,
        Trace(("layerwise", "parts"), (*OWNS, "term-rises", "parts-do-not-sum", "term-apart")),
        Trace((), ("total-too-high", "loss-diverges")),
    ),
    cell(
        "LayerwiseLate",
        "The layerwise term comes in late, and sixty times too heavy.",
        "weight layerwise",
        lambda value, memory: value * 60 if memory.done > 0.6 else value * 0,
        Trace(("layerwise", "parts"), (*OWNS, *SET_BACK)),
        Trace((), (*SET_BACK, "total-too-high")),
    ),
    cell(
        "LayerwiseConstant",
        "The layerwise term is that of the first batch, for ever.",
        "layerwise",
        ways.constant,
        Trace(("layerwise", "parts"), (*HELD, "columns-copied")),
    ),
)


class LayerwiseOfItself(Cell):
    """The layerwise term compares the student's states with themselves."""

    traces = (Trace(("layerwise",), (*ABSENT, "columns-copied", "number-stale")),)
    way = staticmethod(ways.missing)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().layerwise(student, self.projector(student).detach())


WEIGHTS: tuple[type[Training], ...] = (
    cell(
        "WeightsFade",
        "All weights fall to 0 over the run.",
        "weights",
        ways.fading,
        Trace(("part kd",), FADED),
    ),
    cell(
        "KdInTurn",
        "The weight of KD is 0 in every second stretch of ten steps.",
        "weight kd",
        ways.in_turn(ways.missing, 10),
        Trace(("part kd",), (*ABSENT, *PERIODIC, "level-breaks", "non-finite-hidden")),
        Trace(("many",), (*PERIODIC, "level-breaks")),
    ),
    cell(
        "WeightsInWholeNumbers",
        "The weights are kept in an integer type: those below 1 are 0.",
        "weights",
        ways.whole,
        Trace(("part kd", "layerwise"), FADED),
    ),
)


class WeightsTwice(Cell):
    """Each term is multiplied by its weight in the loss, and once more in the loop."""

    traces = (Trace(("part kd",), ("parts-do-not-sum", "raw-is-weighted")),)
    way = staticmethod(ways.missing)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return super().total({term: self.plan.weights[term] * value for term, value in weighted.items()})


class WeightsLearned(Cell):
    """The weights are parameters of the optimizer: they fall below 0."""

    traces = (
        Trace(("part kd",), (*TURNED, "falls-by-its-weights", *ABSENT)),
        Trace((), ("total-negative", "weight-negative")),
    )
    way = staticmethod(ways.missing)

    def prepare(self) -> None:
        self.learned = {term: nn.Parameter(torch.tensor(weight)) for term, weight in self.plan.weights.items()}

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW([*self.parameters(), *self.learned.values()], lr=self.plan.rate, betas=(0.9, 0.98))

    def weights(self, step: int) -> dict[str, float]:
        return {term: float(weight.detach()) for term, weight in self.learned.items()}

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        raw = {term: value.detach() for term, value in weighted.items()}
        pull = [self.learned[term] * raw[term] / self.learned[term].detach() for term in raw]
        return super().total(weighted) + sum((value - value.detach() for value in pull), torch.zeros(()))


ALL: tuple[type[Training], ...] = (*LAYERWISE, LayerwiseOfItself, *WEIGHTS, WeightsTwice, WeightsLearned)
