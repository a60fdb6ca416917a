"""What was found on someone's code, as data: JSON goes in and out, and every view is made from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from sad.judge.interface import Interface
from sad.verdict import Standing

SCHEMA = 1
"""Of the JSON: goes up when a key changes its meaning or goes away; new keys may come at any time."""

Event = dict[str, Any]
"""What judging tells as it goes on: ``start`` (a property begins), ``line`` (it ended), ``what`` and ``assumed`` (what
the code was found to be), ``call_seconds`` (what one call takes).
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One property: how the code stands to it, the numbers, the smallest input that shows a fault, a line to replay."""

    name: str
    standing: Standing
    says: str
    numbers: dict[str, float] = field(default_factory=dict)
    example: str = ""
    replay: str = ""
    seconds: float = 0.0
    id: str = ""


@dataclass(slots=True)
class Report:
    """A judged loss, or code of another interface. ``what`` is what it was found to be, ``assumed`` how it was called.

    ``unjudged`` says why it could not be judged at all; ``printed`` is the end of what the code printed.
    """

    name: str
    what: str = ""
    assumed: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    unjudged: str = ""
    printed: str = ""
    seconds: float = 0.0
    interface: Interface = Interface.LOSS

    @property
    def broken(self) -> list[Line]:
        """The properties that are broken."""
        return [line for line in self.lines if line.standing is Standing.BROKEN]

    @property
    def code(self) -> int:
        """0 nothing is broken, 1 something is, 2 it could not be judged."""
        if self.broken:
            return 1
        return 2 if self.unjudged or not self.lines else 0

    @property
    def status(self) -> str:
        """In a word."""
        return ("sound", "broken", "not judged")[self.code]

    @property
    def summary(self) -> str:
        """How many properties are broken; where it is one alone, which, and what it says."""
        judged = sum(line.standing is not Standing.NOT_APPLICABLE for line in self.lines)
        properties = "property" if judged == 1 else "properties"
        if not self.broken:
            return f"{judged} {properties}, none broken"
        if len(self.broken) == 1 and judged > 1:
            (line,) = self.broken
            return f"the only thing broken of {judged} properties: {line.name}, {line.says}"
        return f"{len(self.broken)} of {judged} {properties} broken"

    def document(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "schema": SCHEMA,
            "interface": self.interface.value,
            self.interface.value: self.name,
            "status": self.status,
            "what": self.what,
            "assumed": self.assumed,
            "unjudged": self.unjudged,
            "printed": self.printed,
            "seconds": self.seconds,
            "invariants": [asdict(line) | {"standing": line.standing.value} for line in self.lines],
        }


def line_of(entry: dict[str, Any]) -> Line:
    """Return a line from its JSON."""
    return Line(**{**entry, "standing": Standing(entry["standing"])})


def told(report: Report) -> str:
    """Return the report as plain lines, for an assertion or a log."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterable[str]:
    what = f", {report.what}" if report.what else ""
    yield f"{report.name}: {report.status}{what}" + (f"; {report.summary}" if report.broken else "")
    for assumed in report.assumed:
        yield f"  assumed: {assumed}"
    for line in report.lines:
        yield f"  {line.standing.value:14} {line.name}: {line.says}"
        if line.example:
            yield f"  {'':14} shown by: {line.example}"
        if line.replay and line.standing is Standing.BROKEN:
            yield f"  {'':14} again: {line.replay}"
    if report.unjudged:
        yield f"  not judged: {report.unjudged}"
    if report.printed:
        yield f"  it printed: {report.printed.strip()[-300:]}"
