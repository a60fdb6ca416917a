"""Where a log shows that the objective itself was changed: a term comes in, or a setting takes another value."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite, tidy

HELD = 5
"""Fewest records for which each value of a setting is held."""

MOST = 12
"""A column that changes more often is a measurement or a counter."""

_MEASURED = (names.LOSS, names.BAR_LOSS, names.GRAD_NORM, names.UPDATE_RATIO, names.EPOCH, names.TOKENS, names.TIME)
_NEVER = (names.LEARNING_RATE, "eval/", "teacher/", names.SECONDS, names.GRAD_SHARE, "train/skipped_", "train/memory")


@sealed
class Switch:
    """At ``step`` a column has its first record with another value: ``before`` and ``after`` it.

    For a term that comes in or goes, one of the two is 0 and the other its first or last value.
    """

    step: float
    column: str
    before: float
    after: float


@sealed
class Jump:
    """A change of level from one record to the next: medians of :data:`HELD` records before ``step`` and from it on."""

    step: float
    before: float
    after: float


def switches(run: Run) -> list[Switch]:
    """Return the changes of the objective that the training's columns show, by step.

    A column of few values, each held for :data:`HELD` records or more (a length, a weight, a stage), and a column that
    is exactly 0 for so long and then is not, or the other way round. The learning rate is none: it makes no objective.
    """
    found = []
    for name, column in run.columns.items():
        if name in _MEASURED or name.startswith(_NEVER):
            continue
        known = finite(tidy(column))
        if len(known) < 2 * HELD:
            continue
        places = _held(known.value) or _held(np.where(known.value == 0, 0.0, 1.0))
        found += [
            Switch(float(known.step[at]), name, float(known.value[at - 1]), float(known.value[at])) for at in places
        ]
    return sorted(found, key=lambda switch: (switch.step, switch.column))


def staged(run: Run, step: float) -> bool:
    """Say whether a setting that is neither a term nor a weight, such as a stage, takes another value at ``step``."""
    return any(switch.step == step and names.term_of(switch.column) is None for switch in switches(run))


def jump_at(column: Column, step: float) -> Jump | None:
    """Return the change of level of a tidied, finite ``column`` at its first record from ``step`` on, if it has one."""
    at = int(np.searchsorted(column.step, step))
    before, after = column.value[max(0, at - HELD) : at], column.value[at : at + HELD]
    if min(before.size, after.size) < 2:
        return None
    return Jump(float(column.step[at]), float(median(before)), float(median(after)))


def _held(value: Floats) -> list[int]:
    """The places at which a piecewise constant series changes; none if it is not one, or holds a value too shortly."""
    places = np.flatnonzero(np.diff(value)) + 1
    if not 0 < places.size <= MOST:
        return []
    stretches = np.diff(np.concatenate(([0], places, [value.size])))
    return places.tolist() if int(stretches.min()) >= HELD else []
