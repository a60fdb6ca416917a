"""The parts of a loss are reported as what they are called: raw, weight, weighted, and a total that is their sum.

## Property
For terms of given sums, units and weights: the value called raw is the sum by the units, the value called weighted is
raw times weight, and the weighted ones add up to the reported loss, which is the one that trains. Where shares are
reported, each is the part of its term in that loss. A term without a unit in this step is not reported as 0, and a
part that is not finite is reported as such.

## Why it must hold
Whoever reads a log judges a term by its raw value and mends the loss by its weight. Weighted values that are called
raw hide a factor of twenty; parts that do not add up name the wrong culprit.

## Tolerance
1e-6, relative; the code that trains is exact.

## What breaks it
Values that were multiplied before they were logged; a total over other terms than the parts; a weight of the next
step; non-finite parts set to zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sad.verdict import Verdict

ID = "I03"

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """One term in a step: its sum over ``units``, and its weight."""

    total: float
    units: int
    weight: float

    @property
    def raw(self) -> float:
        """The value of the term."""
        return self.total / self.units


@dataclass(frozen=True, slots=True)
class Reported:
    """What a step says: its loss, and what it calls raw, weight, weighted and (where it does) shares, by term.

    ``trained`` is the loss whose gradient is taken, where that can be told.
    """

    loss: float
    raw: Mapping[str, float]
    weight: Mapping[str, float]
    weighted: Mapping[str, float]
    shares: Mapping[str, float] | None = None
    trained: float | None = None


Report = Callable[[Mapping[str, Part]], Reported]
"""Takes the terms of a step and returns what is reported of it."""

STEPS: Mapping[str, Mapping[str, Part]] = {
    # the failed run's layerwise: 3,211 x 0.05 = 160.56
    "layerwise of 3,211 at weight 0.05": {
        "layerwise": Part(3_211.0 * 64, 64, 0.05),
        "kd": Part(15.497 * 60, 60, 0.7),
        "lm": Part(2.6176 * 60, 60, 1.0),
    },
    "one term": {"lm": Part(300.0, 100, 2.0)},
    "a term of weight 0": {"lm": Part(50.0, 10, 0.5), "kd": Part(70.0, 7, 0.0)},
    "one unit": {"lm": Part(3.0, 1, 2.0), "kd": Part(0.5, 1, 1.0)},
    "terms of 0": {"lm": Part(0.0, 10, 0.5), "kd": Part(0.0, 7, 1.0)},
    "a term without a unit": {"lm": Part(50.0, 10, 0.5), "kd": Part(0.0, 0, 3.0)},
    "an infinite term": {"lm": Part(50.0, 10, 0.5), "kd": Part(math.inf, 7, 0.5)},
}


def parts_reported(report: Report) -> Verdict:
    """Judge what is reported of seven steps."""
    told = 0
    for name, step in STEPS.items():
        try:
            reported = report(step)
            fault = _fault(step, reported)
        except Exception as error:
            # whatever it raises is what the user would see
            return Verdict(False, f"{name}: {(str(error) or type(error).__name__).splitlines()[0]}", {"raised": 1})
        if fault:
            return Verdict(False, f"{name}: {fault}", {"loss": reported.loss})
        told += len(reported.raw)
    return Verdict(True, f"{told} parts are raw x weight = weighted, and add up to the loss", {"parts": told})


def _fault(step: Mapping[str, Part], reported: Reported) -> str:
    """What is wrong with what a step reports, in a few words; empty if nothing is."""
    counted = {name: part for name, part in step.items() if part.units}
    if extra := (set(reported.raw) - set(counted)) & {name for name, part in step.items() if not part.units}:
        return f"{min(extra)} has no unit, and is called {reported.raw[min(extra)]:.4g}"
    loss = sum(part.raw * part.weight for part in counted.values())
    for name, part in counted.items():
        right = {"raw": part.raw, "weight": part.weight, "weighted": part.raw * part.weight}
        for what, value in right.items():
            got = getattr(reported, what).get(name, math.nan)
            if not _near(got, value):
                return f"what is called {what} of {name} is {got:.5g}, it is {value:.5g}"
        if reported.shares is not None and math.isfinite(loss):
            share, is_ = reported.shares.get(name, math.nan), part.raw * part.weight / loss if loss else 0.0
            if not _near(share, is_):
                return f"the share of {name} is called {share:.1%}, it is {is_:.1%}"
    if not _near(reported.loss, loss):
        return f"the loss is called {reported.loss:.5g}, its parts add up to {loss:.5g}"
    if reported.trained is not None and not _near(reported.trained, loss):
        return f"the loss is called {reported.loss:.5g}, the one that trains is {reported.trained:.5g}"
    return ""


def _near(got: float, right: float) -> bool:
    if math.isinf(right):
        # infinity is only near to itself
        return got == right
    return abs(got - right) <= TOLERANCE * max(abs(right), TOLERANCE)
