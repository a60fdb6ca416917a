"""What else a log shows at the step of a break: noise, the length of the texts, an evaluation, an event."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Event, Run
from sad_doctor.signals.breaks import spread
from sad_doctor.signals.evaluations import evaluations
from sad_doctor.signals.middle import median
from sad_doctor.signals.switches import switches

_RARE = 6
"""Records between evaluations from which on one just before a break is no chance."""


def noises(series: Mapping[str, Column], at: float, factor: float) -> dict[str, float]:
    """Return how many times as large the noise of a series becomes, where surely by ``factor``; not of the norm."""
    found = {}
    for name, column in series.items():
        told = None if name == names.GRAD_NORM else spread(column, at)
        if told is not None and abs(told[0]) > max(np.log(factor), 3 * told[1]):
            found[name] = float(np.exp(told[0]))
    return found


def lengths(run: Run, at: float, gap: float) -> tuple[float, float] | None:
    """Return the length of the texts before and after, if it changes there, and nowhere else."""
    there = [switch for switch in switches(run) if switch.column == names.LENGTH]
    here = len(there) == 1 and abs(there[0].step - at) <= 2.5 * gap
    return (there[0].before, there[0].after) if here else None


def evaluated(run: Run, at: float, gap: float) -> float | None:
    """Return the step of the evaluation since the record before, where they are too rare for that to be chance."""
    found = evaluations(run)
    steps = next(iter(found.values())).step if found else np.empty(0)
    if steps.size < 2 or float(median(np.diff(steps))) < _RARE * gap:
        return None
    before = steps[(steps < at) & (steps >= at - 1.01 * gap)]
    return float(before[-1]) if before.size else None


def events_at(run: Run, at: float, gap: float) -> list[Event]:
    """Return the events within two records of a step."""
    return [one for one in run.events if one.step is not None and abs(one.step - at) <= 2.5 * gap]
