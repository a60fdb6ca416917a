"""A run as the rules see it: float columns over steps, events, facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sad_doctor import names
from sad_doctor.sealed import sealed

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]


@sealed(eq=False)
class Column:
    """One metric: ``value[i]`` was logged at ``step[i]``. Both float64, same length, log order kept.

    Non-finite values are kept as NaN and infinity; a point that was not logged is absent, never NaN.
    """

    step: Floats
    value: Floats

    def __post_init__(self) -> None:
        if self.step.shape != self.value.shape or self.step.ndim != 1:
            raise ValueError(f"step {self.step.shape} and value {self.value.shape} must be one-dimensional and equal")

    def __len__(self) -> int:
        return int(self.value.size)

    @property
    def last(self) -> float:
        """The last logged value; raises IndexError on an empty column."""
        return float(self.value[-1])

    def at(self, step: float) -> float:
        """Return the last value logged at exactly ``step``, else NaN."""
        hit = np.flatnonzero(self.step == step)
        return float(self.value[hit[-1]]) if hit.size else float("nan")


@sealed
class Event:
    """Something that happened once. ``message`` is clean text: see :func:`sad_doctor.sanitize.clean`."""

    kind: str
    message: str = ""
    step: float | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Run:
    """Everything a log told. Rules are pure functions of it.

    ``columns`` use the names of :mod:`sad_doctor.names`; a metric without a known name keeps its own.
    ``notes`` say what the reader assumed or left out. ``tail`` holds the last lines of a text log, clean.
    """

    name: str
    format: str
    path: Path
    columns: Mapping[str, Column] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()

    def get(self, name: str) -> Column | None:
        """Return a column with at least one point, else None."""
        column = self.columns.get(name)
        return column if column is not None and len(column) else None

    def terms(self, prefix: str) -> dict[str, Column]:
        """Return the non-empty columns under a prefix by term: ``terms(names.RAW)["kd"]``."""
        return {name[len(prefix) :]: c for name, c in self.columns.items() if name.startswith(prefix) and len(c)}

    @property
    def last_step(self) -> float:
        """The largest step of any column; -1 for an empty run."""
        return max((float(c.step.max()) for c in self.columns.values() if len(c)), default=-1.0)

    @property
    def first_step(self) -> float:
        """The smallest step of any column; 0 for an empty run."""
        return min((float(c.step.min()) for c in self.columns.values() if len(c)), default=0.0)

    @property
    def unit(self) -> str:
        """What its steps count: ``epoch`` where a log tells no step, else ``step``."""
        return "epoch" if self.facts.get(names.STEP_UNIT) == "epoch" else "step"

    def fact(self, key: str) -> float | None:
        """Return a fact as a number when it is one, else None."""
        value = self.facts.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame with a row a step and a column a metric; of a step logged twice the last value counts.

        Non-finite values stay; what was not logged at a step is NaN too, as pandas has it.
        """
        import pandas

        series = {}
        for name, column in self.columns.items():
            one = pandas.Series(column.value, index=pandas.Index(column.step, name="step"))
            series[name] = one[~one.index.duplicated(keep="last")]
        return pandas.DataFrame(series).sort_index()
