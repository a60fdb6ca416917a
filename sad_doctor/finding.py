"""What the doctor says: findings, stories, the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import IntEnum

from sad_doctor.sealed import sealed


class Level(IntEnum):
    """How bad: an ERROR makes ``sad doctor`` exit with 1."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@sealed
class Finding:
    """One red flag, with the numbers that prove it.

    ``headline`` is one sentence with its number. ``evidence`` are short lines: steps, values, "n of n".
    ``numbers`` are the same facts for machines. ``first_step`` and ``last_step`` bound the evidence, counted in
    ``unit``: ``epoch`` in a log without steps.
    """

    rule: str
    name: str
    level: Level
    headline: str
    evidence: tuple[str, ...]
    cause: str
    remedy: str
    first_step: float | None = None
    last_step: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    unit: str = "step"


@sealed
class Reading:
    """What a rule measured, whatever came of it. ``against`` names the threshold it was held against, if one."""

    what: str
    value: float
    against: str = ""


@sealed
class NotChecked:
    """A rule that could not judge, and what it lacked. Never counts as healthy."""

    rule: str
    name: str
    reason: str


@sealed
class Crashed:
    """A rule that raised: shown as such, the others go on."""

    rule: str
    name: str
    error: str


@sealed
class Story:
    """A finding and the findings that it explains: cause first."""

    finding: Finding
    consequences: tuple[Finding, ...] = ()


@sealed
class Row:
    """One line of a comparison: ``value`` of this run, also as ``told``, beside ``wanted``, and how it lies to that."""

    what: str
    where: str
    value: float
    told: str
    wanted: str
    lies: str


@sealed
class Comparison:
    """The run beside a good run or a band: ``headline`` in one sentence, then rows, then ``notes``."""

    title: str
    headline: str
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()


TOO_FEW = "R506"
"""The rule that tells how little there is to judge: neither its passing nor its finding judges the run."""


@sealed
class Report:
    """The verdict on a run: stories, worst cause first; what passed; what could not be judged.

    ``readings`` holds what each rule measured, by code; ``comparisons`` the run beside others, if that was asked for.
    ``unread`` says what of the run could not be read, as a sentence without its full stop.
    ``little`` says what there is where that is too little to call a run healthy by, whatever passed; else it is empty.
    """

    stories: tuple[Story, ...]
    passed: tuple[str, ...]
    not_checked: tuple[NotChecked, ...]
    crashed: tuple[Crashed, ...]
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    little: str = ""
    unread: str = ""

    @property
    def judged(self) -> bool:
        """Whether any rule could judge the run, by more than a record or two."""
        return not self.little and any(code != TOO_FEW for code in (*self.passed, *(f.rule for f in self.findings)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, each cause followed by its consequences."""
        return tuple(f for s in self.stories for f in (s.finding, *s.consequences))

    @property
    def worst(self) -> Level | None:
        """The highest level found, or None."""
        return max((f.level for f in self.findings), default=None)
