"""The grid's part that is the log: the training is well, and what is written of it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from planted import ways
from planted.families import OTHER_MEASURE
from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Trace
from sad_doctor import names

NOT_THE_SUM = ("parts-do-not-sum", "number-stale", "raw-is-weighted")
"""The numbers of one record contradict each other."""


class OfWritten(Sick):
    """Columns of the training's records go through a way."""

    columns: ClassVar[tuple[str, ...]] = (names.LOSS,)

    @staticmethod
    def way(past: Sequence[Any], _done: float, /) -> Any:
        """As it is, unless a fault says otherwise."""
        return past[-1]

    def logged(self, row: Row, step: int) -> Row:
        kept: dict[str, list[float]] = self.__dict__.setdefault("written", {})
        for name in self.columns:
            if name in row:
                kept.setdefault(name, []).append(row[name])
        done = step / self.plan.steps
        return row | {name: type(self).way(kept[name], done) for name in self.columns if name in row}


class LossDelayed(OfWritten):
    """The total that is written is that of twelve records before; the parts are those of now."""

    traces = (Trace(("parts",), NOT_THE_SUM),)
    way = staticmethod(ways.delayed(12))


class LossNeverReset(OfWritten):
    """The total that is written is the sum of all so far."""

    traces = (
        Trace(("parts",), (*NOT_THE_SUM, *OTHER_MEASURE, "noise-missing")),
        Trace(("eval/loss",), (*OTHER_MEASURE, "noise-missing", "counters-disagree")),
    )
    way = staticmethod(ways.never_reset)


class LossTurned(OfWritten):
    """The total is written with a minus, as a reward."""

    traces = (Trace((), ("total-negative", "weight-negative", "parts-do-not-sum", "kd-below-its-floor")),)
    way = staticmethod(ways.turned)


class LossSaturated(OfWritten):
    """The total that is written is never above a limit: for the first half or so it is the limit."""

    traces = (Trace(("parts",), NOT_THE_SUM), Trace((), ("number-stale",)))

    def logged(self, row: Row, step: int) -> Row:
        self.limit = getattr(self, "limit", 0.75 * row[names.LOSS])
        return row | {names.LOSS: min(row[names.LOSS], self.limit)}

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        return 0.1 < sum(value == max(loss) for value in loss) / len(loss) < 0.95


class PartStale(OfWritten):
    """The label loss that is written is computed no more after 30% of the run."""

    traces = (Trace(("parts",), NOT_THE_SUM),)
    columns = (names.RAW + "lm", names.WEIGHTED + "lm")
    way = staticmethod(ways.last_seen(0.3))


class PartsSwapped(Sick):
    """KD and the label loss are written under each other's names."""

    traces = (Trace(("parts", names.EVAL_LM_LOSS), (*OTHER_MEASURE, "label-loss-too-low", "columns-copied")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, "kd": 1.0, "lm": 1.0})

    def logged(self, row: Row, step: int) -> Row:
        other = {"kd": "lm", "lm": "kd"}
        pairs = [(kind + term, kind + other[term]) for kind in (names.RAW, names.WEIGHTED) for term in other]
        return row | {name: row[from_] for name, from_ in pairs if from_ in row}

    @staticmethod
    def took(record: Record) -> bool:
        kd, lm = record.column(names.RAW + "kd"), record.column(names.RAW + "lm")
        return abs(sum(kd[-9:]) - sum(lm[-9:])) > 0.3 * sum(lm[-9:])


class NormAfterTheClip(Sick):
    """The norm that is written is the one after the clip."""

    traces = (Trace((names.GRAD_NORM,), ("number-stale", "gradient-always-clipped")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, clip=0.2)

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.GRAD_NORM: min(row[names.GRAD_NORM], self.plan.clip)}


class NormAfterTheClearing(OfWritten):
    """The norm that is written is the one after the gradients were cleared."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-vanishes", "number-stale")),)
    columns = (names.GRAD_NORM,)
    way = staticmethod(ways.missing)


class StepsAreMicroBatches(Sick):
    """The steps that are written count micro-batches, four to a step: the run goes on far past its planned end."""

    traces = (Trace(("planned",), ("counters-disagree",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, accumulation=4, batch=max(1, plan.batch // 4))

    def write(self, step: int, row: Row) -> None:
        super().write(4 * step, row)


class TwoWriters(Sick):
    """Two processes write into one log, each the loss of its own texts: every step stands there twice."""

    traces = (Trace((), ("counters-disagree", "resume-jumps", "batches-repeat")),)

    def write(self, step: int, row: Row) -> None:
        super().write(step, row)
        factor = 1 + 0.04 * self.luck.gauss(0, 1)
        parts = (names.LOSS, names.RAW, names.WEIGHTED)
        super().write(step, {k: v * factor if k.startswith(parts) else v for k, v in row.items()})


class LossWrittenNoMore(Sick):
    """After half of the run no record has a loss; evaluations go on."""

    traces = (Trace((), ("number-stale", "non-finite-hidden", "no-sign-of-life")),)

    def logged(self, row: Row, step: int) -> Row:
        parts = (names.LOSS, names.RAW, names.WEIGHTED)
        return row if step < self.plan.steps / 2 else {k: v for k, v in row.items() if not k.startswith(parts)}


class UnitChanges(OfWritten):
    """From the middle on the total is written for a quarter of the batch."""

    traces = (
        Trace(("parts",), (*NOT_THE_SUM, *OTHER_MEASURE, "level-breaks")),
        Trace((), (*OTHER_MEASURE, "level-breaks")),
    )
    way = staticmethod(ways.since(0.5, ways.scaled(0.25)))


class WeightsOfAnother(OfWritten):
    """The weight of KD that is written is three times what was used."""

    traces = (Trace(("raw terms",), NOT_THE_SUM),)
    columns = (names.WEIGHT + "kd",)
    way = staticmethod(ways.scaled(3.0))


class LossDrifts(OfWritten):
    """The total that is written is multiplied by a scale that grows sixfold, and was not divided out."""

    traces = (
        Trace(("parts",), (*NOT_THE_SUM, *OTHER_MEASURE)),
        Trace(("eval/loss",), OTHER_MEASURE),
    )
    way = staticmethod(ways.drifting(6.0))


class EpochNeverMoves(OfWritten):
    """The epoch that is written is that of the first record."""

    traces = (Trace((names.EPOCH,), ("counters-disagree", "number-stale")),)
    columns = (names.EPOCH,)
    way = staticmethod(ways.constant)


def _whole(past: Any, _done: float) -> Any:
    return round(past[-1])


class LossIsAnInteger(OfWritten):
    """The total is written without its digits."""

    traces = (Trace(("parts",), NOT_THE_SUM), Trace((), ("number-stale",)))
    way = staticmethod(_whole)


ALL = (
    *(LossDelayed, LossNeverReset, LossTurned, LossSaturated, PartStale, PartsSwapped, NormAfterTheClip),
    *(NormAfterTheClearing, StepsAreMicroBatches, TwoWriters, LossWrittenNoMore, UnitChanges, WeightsOfAnother),
    *(LossDrifts, EpochNeverMoves, LossIsAnInteger),
)
