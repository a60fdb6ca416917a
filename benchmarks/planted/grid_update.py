"""The grid's parts from the backward pass to the new weights: gradients, the optimizer's step, the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from planted import ways
from planted.families import BLOWN_UP, SET_BACK, SLOW, STANDS
from planted.loop import HARDLY_LEARNS
from planted.optimisation import SUMMED, Sick
from planted.record import Record, Row, Trace
from sad_doctor import names

LEARNS_BADLY = (Trace((), (*SLOW, *BLOWN_UP, "worse-than-uniform")),)
"""It hardly learns, or is driven off: which of them depends on the size."""

BAD_BY_NORM = (
    Trace((names.GRAD_NORM,), (*SLOW, *BLOWN_UP, "worse-than-uniform", "number-stale", "batches-repeat")),
    *LEARNS_BADLY,
)
"""As before; the norm itself repeats what it was."""


class OfGradients(Sick):
    """Every gradient goes through a way before it is measured."""

    traces: ClassVar[tuple[Trace, ...]] = LEARNS_BADLY
    took = staticmethod(ways.badly)

    @staticmethod
    def way(past: Sequence[Any], _done: float, /) -> Any:
        """As it is, unless a fault says otherwise."""
        return past[-1]

    def gradients(self, step: int) -> None:
        kept: dict[int, list[Tensor]] = self.__dict__.setdefault("kept", {})
        for number, p in enumerate(self.parameters()):
            if p.grad is not None:
                past = kept.setdefault(number, [])
                past.append(p.grad.detach().clone())
                p.grad.copy_(type(self).way(past, step / self.plan.steps))


class GradientMostlyMissing(OfGradients):
    """Six of seven steps have no gradient at all: a gate of the accumulation that counts the wrong thing."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-vanishes", "non-finite-hidden", *SLOW)),)
    took = staticmethod(lambda _record: True)
    way = staticmethod(ways.now_and_then(ways.missing, lambda count: count % 7 != 1))


class GradientTurnsInTurn(OfGradients):
    """Every second gradient has the wrong sign."""

    way = staticmethod(ways.now_and_then(ways.turned, lambda count: count % 2 == 0))


class GradientDelayed(OfGradients):
    """Each step gets the gradient of twenty-five steps before."""

    way = staticmethod(ways.delayed(25))


class GradientConstant(OfGradients):
    """Every step gets the first gradient."""

    traces = BAD_BY_NORM
    way = staticmethod(ways.constant)


class GradientHeld(OfGradients):
    """The gradient is renewed every thirty steps only."""

    traces = BAD_BY_NORM
    way = staticmethod(ways.held(30))


class GradientNoisy(OfGradients):
    """A race leaves noise in the gradients, a hundred times as large as they are."""

    way = staticmethod(ways.noisy(100.0))


class GradientSaturated(OfGradients):
    """Every element is clipped to 1e-10, where a norm was meant."""

    traces = (Trace((names.GRAD_NORM,), (*STANDS, *SLOW, "number-stale")), *HARDLY_LEARNS)
    took = staticmethod(ways.hardly)
    way = staticmethod(ways.saturated(-1e-10, 1e-10))


class GradientDrifts(OfGradients):
    """A loss scale that doubles and is never divided out: the norm grows by five powers of ten."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-grows", "gradient-always-clipped", *BLOWN_UP)),)
    took = staticmethod(lambda _record: True)
    way = staticmethod(ways.drifting(1e5))


class GradientResetTooRarely(OfGradients):
    """The gradients are cleared every twentieth step only."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-grows", *SUMMED, *BLOWN_UP)),)
    way = staticmethod(ways.reset_every(20))

    @staticmethod
    def took(record: Record) -> bool:
        norm = record.column(names.GRAD_NORM)
        return sorted(norm)[len(norm) // 2] > 5 * record.plan.clip


class BackwardOfOneTerm(Sick):
    """The backward pass is of the layerwise term alone; the total that is logged has all."""

    traces = (Trace(("parts",), (*SLOW, "term-stays", "kd-stays")), *HARDLY_LEARNS)
    took = staticmethod(ways.hardly)

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        found, extra = super().terms(ids, step)
        return {k: v if k == "layerwise" else v.detach() for k, v in found.items()}, extra


class StepsManyTimes(Sick):
    """The optimizer steps thirty times with each gradient."""

    traces: ClassVar[tuple[Trace, ...]] = LEARNS_BADLY
    took = staticmethod(ways.badly)

    def update(self, step: int) -> None:
        for _ in range(29):
            self.optimizer.step()
        super().update(step)


class StepsRarely(Sick):
    """The optimizer steps once in forty gradients, of which it sees the last."""

    traces = (Trace((names.UPDATE_RATIO,), SLOW), *HARDLY_LEARNS)
    took = staticmethod(ways.hardly)

    def update(self, step: int) -> None:
        super().update(step) if step % 40 == 0 else self.optimizer.zero_grad()


class StepsLate(Sick):
    """The first step is taken after 60% of the run."""

    traces = (
        Trace(("eval",), (*STANDS, "updates-tiny", "learns-little", "number-stale")),
        Trace((names.UPDATE_RATIO,), (*STANDS, "updates-tiny", "learns-little", "number-stale")),
    )

    def update(self, step: int) -> None:
        super().update(step) if step > 0.6 * self.plan.steps else self.optimizer.zero_grad()


class StepsNoMore(Sick):
    """No step is taken after 40% of the run; the rate and the gradients go on."""

    traces = (
        Trace(("eval",), (*STANDS, "updates-tiny", "early-plateau", "number-stale")),
        Trace((names.UPDATE_RATIO,), (*STANDS, "updates-tiny", "early-plateau", "number-stale")),
    )

    def update(self, step: int) -> None:
        super().update(step) if step <= 0.4 * self.plan.steps else self.optimizer.zero_grad()


class MomentumTooLong(Sick):
    """The optimizer averages over ten times the run."""

    traces: ClassVar[tuple[Trace, ...]] = LEARNS_BADLY
    took = staticmethod(ways.badly)

    def make_optimizer(self) -> torch.optim.Optimizer:
        # SGD's momentum has no correction: each gradient goes on acting to the end
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate, momentum=0.9995)

    def learning_rate(self, step: int) -> float:
        return 5 * super().learning_rate(step)


class OfWeights(Sick):
    """After each step the student's weights go through a way."""

    traces: ClassVar[tuple[Trace, ...]] = LEARNS_BADLY
    took = staticmethod(ways.badly)

    @staticmethod
    def way(past: Sequence[Any], _done: float, /) -> Any:
        """As it is, unless a fault says otherwise."""
        return past[-1]

    @torch.no_grad()
    def update(self, step: int) -> None:
        with torch.enable_grad():
            super().update(step)
        kept: dict[int, list[Tensor]] = self.__dict__.setdefault("kept", {})
        for number, p in enumerate(self.student.parameters()):
            past = kept.setdefault(number, [])
            past.append(p.detach().clone())
            p.copy_(type(self).way(past, step / self.plan.steps))


class DecayTurned(OfWeights):
    """The weight decay has the wrong sign: all weights grow by 4% a step."""

    way = staticmethod(ways.scaled(1.04))


class WeightsSaturated(OfWeights):
    """Every weight is kept within 0.01 of 0."""

    took = staticmethod(ways.hardly)
    way = staticmethod(ways.saturated(-0.01, 0.01))


class WeightsSetBack(OfWeights):
    """Every twentieth step puts in the weights of the first one."""

    traces = (Trace((), (*SET_BACK, *SLOW)),)
    way = staticmethod(ways.now_and_then(ways.constant, lambda count: count % 20 == 0))


def _noise_that_grows(past: Any, done: float) -> Any:
    return past[-1] + 0.4 * done**3 * torch.randn(past[-1].shape)


class WeightsDrift(OfWeights):
    """Weights take up noise, more and more of it."""

    traces = (Trace((), BLOWN_UP),)
    took = staticmethod(ways.rises)
    way = staticmethod(_noise_that_grows)


class BitFlips(Sick):
    """At one step one weight of the last norm is multiplied by a power of two: a bit of its exponent was flipped."""

    traces = (Trace((), (*BLOWN_UP, *SET_BACK)),)
    took = staticmethod(ways.rises)

    def update(self, step: int) -> None:
        super().update(step)
        if step == int(0.6 * self.plan.steps):
            with torch.no_grad():
                self.student.norm.weight[3] *= 2.0**16


ALL = (
    *(GradientMostlyMissing, GradientTurnsInTurn, GradientDelayed, GradientConstant, GradientHeld, GradientNoisy),
    *(GradientSaturated, GradientDrifts, GradientResetTooRarely, BackwardOfOneTerm),
    *(StepsManyTimes, StepsRarely, StepsLate, StepsNoMore, MomentumTooLong),
    *(DecayTurned, WeightsSaturated, WeightsSetBack, WeightsDrift, BitFlips),
)
