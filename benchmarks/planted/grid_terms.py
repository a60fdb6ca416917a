"""The grid's rows of the terms and their weights.

The causes were written down before any of these logs was judged. A right one sends a reader to the term or its weight;
of a log without parts, to the scale of the loss or to what it repeats.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from planted import grid_ways as ways
from planted.families import BLOWN_UP, OTHER_MEASURE, OTHER_TARGETS, SLOW
from planted.grid import Cell, cell, median
from planted.grid_data import OTHER_LABELS, PERIODIC
from planted.record import Record, Trace
from planted.reported import ABSENT
from planted.training import Training
from sad_doctor import names

OWNS = ("term-dominates", "term-owns-the-gradient", "layerwise-too-high")
LARGE = ("total-too-high", "worse-than-uniform", "gradient-always-clipped")
HELD = ("number-stale", "noise-missing", "term-stays", "kd-stays")
"""A term is a number that hardly changes."""

TURNED = ("weight-negative", "total-negative", "kd-below-its-floor")
FADED = (*ABSENT, "falls-by-its-weights", "columns-copied")


def held(term: str) -> Callable[[Record], bool]:
    """Return whether a third of the records of a term are one number."""

    def took(record: Record) -> bool:
        values = [round(value, 5) for value in record.column(names.RAW + term)]
        return max(values.count(value) for value in set(values)) > len(values) // 3

    return took


def _rises(record: Record) -> bool:
    loss = record.column(names.LOSS)
    return median(loss[-9:]) > 1.1 * median(loss[: max(9, len(loss) // 5)])


KD: tuple[type[Training], ...] = (
    cell(
        "KdClampedAbove",
        "KD is clamped to at most 0.8: above it there is no gradient.",
        "kd",
        ways.saturated(0.0, 0.8),
        Trace(("kd",), (*HELD, *ABSENT)),
        everywhere=True,
        took=held("kd"),
    ),
    cell(
        "KdClampedBelow",
        "KD is clamped to at least 1: below it there is no gradient.",
        "kd",
        ways.saturated(1.0, 1e9),
        Trace(("kd",), HELD),
        everywhere=True,
        took=held("kd"),
    ),
    cell(
        "KdKept",
        "KD is computed in every tenth step, and its number used until the next time.",
        "kd",
        ways.stale(10),
        Trace(("kd",), (*HELD, "batches-repeat", "level-breaks")),
    ),
    cell(
        "KdNeverReset",
        "KD is the sum of all KD so far.",
        "kd",
        ways.never_reset,
        Trace(("kd", "parts"), (*OWNS, "term-rises", "kd-stays", "parts-do-not-sum", "term-apart", "noise-missing")),
        Trace((), ("total-too-high", "loss-diverges")),
    ),
    cell(
        "KdWeightRuns",
        "The weight of KD grows two hundred times larger over the run.",
        "weight kd",
        ways.drifting(200.0),
        Trace(("part kd",), (*OWNS, "weight-runs-away")),
        Trace((), ("loss-diverges", "total-too-high"), _rises),
    ),
    cell(
        "KdMissingNowAndThen",
        "In every third step KD is 0.",
        "kd",
        ways.now_and_then(ways.missing, 3),
        Trace(("kd",), (*ABSENT, "non-finite-hidden", *PERIODIC, "term-apart")),
        Trace(("many",), PERIODIC),
    ),
    cell(
        "KdSummed",
        "KD is a sum over the tokens.",
        "kd",
        ways.by_size,
        Trace(("kd", "parts"), (*OWNS, *LARGE)),
        Trace((), (*LARGE, *BLOWN_UP)),
        everywhere=True,
    ),
    cell(
        "KdTurnedNowAndThen",
        "In every fourth step the sign of KD is turned.",
        "kd",
        ways.now_and_then(ways.turned, 4),
        Trace(("kd",), (*TURNED, *PERIODIC)),
        Trace(("many",), (*PERIODIC, "total-negative")),
    ),
    cell(
        "KdInWholeNumbers",
        "KD is kept in an integer type.",
        "kd",
        ways.whole,
        Trace(("kd",), (*HELD, *ABSENT, "level-breaks", "non-finite-hidden")),
        everywhere=True,
    ),
    cell(
        "KdShrinks",
        "KD is divided by what grows over the run to a thousand.",
        "kd",
        ways.drifting(1e-3),
        Trace(("kd", "lm"), (*FADED, *OTHER_MEASURE, "term-apart")),
    ),
)


class KdOverBatch(Cell):
    """The softmax of KD is over the texts of the batch."""

    traces = (Trace(("kd", "parts"), (*OTHER_TARGETS, *ABSENT, *OWNS)),)
    way = staticmethod(ways.missing)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.transpose(0, 2), teacher.transpose(0, 2))


class KdToLabels(Cell):
    """KD compares with the labels, not with the teacher."""

    traces = (Trace(("kd", "lm"), (*OTHER_TARGETS, "number-stale")),)
    way = staticmethod(ways.missing)

    def labels(self, ids: Tensor) -> Tensor:
        self.asked = super().labels(ids)
        return self.asked

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = self.plan.temperature
        return t * t * F.cross_entropy((student / t).flatten(0, 1), self.asked.flatten())


LM: tuple[type[Training], ...] = (
    cell(
        "LmSubtracted",
        "The label loss is subtracted.",
        "weight lm",
        lambda value, _: value * 0 - 0.3,
        Trace(("lm",), (*TURNED, *OTHER_LABELS, *BLOWN_UP)),
        Trace((), (*TURNED, *BLOWN_UP, "worse-than-uniform")),
    ),
    cell(
        "LmClamped",
        "The label loss is clamped to at most 3: above it there is no gradient.",
        "lm",
        ways.saturated(0.0, 3.0),
        Trace(("lm",), (*HELD, *SLOW, "lm-rises-while-kd-falls")),
        everywhere=True,
        took=held("lm"),
    ),
    cell(
        "LmOverPositions",
        "The softmax of the label loss is over the positions.",
        "lm logits",
        lambda value, _: F.log_softmax(value, 1),
        Trace(("lm",), OTHER_LABELS),
        everywhere=True,
    ),
    cell(
        "LmSquared",
        "The label loss is squared.",
        "lm",
        ways.powered(2.0),
        Trace(("lm",), ("worse-than-uniform", "total-too-high", "perplexity-too-high")),
        everywhere=True,
    ),
    cell(
        "LmDividedByBatch",
        "The label loss is divided by the number of texts once more.",
        "lm",
        ways.scaled(0.1),
        Trace(("lm",), ("label-loss-too-low", *ABSENT, "columns-copied", "perplexity-disagrees")),
        everywhere=True,
    ),
    cell(
        "LmNowAndThen",
        "In three of four steps the label loss is 0.",
        "lm",
        lambda value, memory: value if memory.step % 4 == 0 else value * 0,
        Trace(("lm",), (*ABSENT, "non-finite-hidden", *PERIODIC, *OTHER_MEASURE, "label-loss-apart")),
        Trace(("many",), PERIODIC),
    ),
    cell(
        "LmAveraged",
        "The label loss is the mean of all so far.",
        "lm",
        ways.averaged,
        Trace(("lm",), ("noise-missing", *OTHER_MEASURE, "lm-rises-while-kd-falls", "label-loss-apart")),
    ),
    cell(
        "LmShrinks",
        "The label loss is divided by what grows over the run to a hundred.",
        "lm",
        ways.drifting(0.01),
        Trace(("lm",), (*FADED, "label-loss-too-low", *OTHER_MEASURE, "label-loss-apart")),
    ),
)


ALL: tuple[type[Training], ...] = (*KD, KdOverBatch, KdToLabels, *LM)
