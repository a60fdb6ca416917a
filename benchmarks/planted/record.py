"""The plan of a run, the record of it, and what a fault leaves in a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Row = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """Size, data and settings of one run."""

    seed: int = 0
    vocabulary: int = 192
    spoken: int = 0
    """Tokens that the language has, where it has fewer than the vocabulary."""
    told: int = 0
    """The vocabulary that this run plays, where it is another than the one that is computed with."""
    width: int = 32
    teacher_width: int = 48
    length: int = 24
    batch: int = 8
    accumulation: int = 1
    steps: int = 300
    every: int = 2
    evaluate_every: int = 30
    rate: float = 4e-3
    schedule: str = "cosine"
    warmup: float = 0.05
    clip: float = 1.0
    temperature: float = 2.0
    weights: Mapping[str, float] = field(default_factory=lambda: {"kd": 1.0, "lm": 1.0, "layerwise": 0.5})
    dropout: float = 0.0
    texts: int = 4096
    averaged: bool = False
    """Whether a record holds means since the record before, as Hugging Face's loss does."""


@dataclass
class Record:
    """What a run left behind: rows by the doctor's names, each with its step and clock; events; how it ended."""

    plan: Plan
    rows: list[tuple[int, float, Row]] = field(default_factory=list)
    events: list[tuple[str, str, int]] = field(default_factory=list)
    status: str = "finished"
    traceback: str = ""
    silent: float = 0.0
    """Seconds since the last sign of life, for one that is said to be running."""

    def column(self, name: str) -> list[float]:
        return [row[name] for _, _, row in self.rows if name in row]


def _always(_: Record) -> bool:
    return True


@dataclass(frozen=True)
class Trace:
    """What a fault leaves in a log that has ``needs``: which rules name it rightly.

    A need is a column, or one of the words of :data:`planted.columns.WORDS`, such as ``eval``.
    """

    needs: tuple[str, ...]
    causes: tuple[str, ...]
    when: Callable[[Record], bool] = _always
    """Whether this very run has the trace at all, from its whole record, whatever of it a log shows."""


class Stopped(Exception):  # noqa: N818 - no error of the benchmark: the run that is planted ends here
    """Ends a run early."""
