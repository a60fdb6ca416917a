"""A rule: code, page, the columns it needs, a pure check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import Enum

from sad_doctor import words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.run import Run
from sad_doctor.sealed import sealed

Thresholds = Mapping[str, float]
Check = Callable[[Run, Thresholds], Iterable[Finding | Reading]]
"""Yields readings as it measures, and findings."""


class TooFew(Exception):  # noqa: N818 - named for the verdict that it becomes
    """A rule raises it when the run has what it needs, but too little of it to judge; the text says what lacks."""


def require(count: int, least: float, what: str, of: str) -> None:
    """Raise TooFew where there are fewer records, or evaluations, ``of`` something than a rule judges from."""
    if count < least:
        raise TooFew(f"{words.counted(count, what)} {of}; it judges from {least:g} on")


class Hint(Enum):
    """What a rule's hints (findings of level INFO) speak of, and so where they stand among those of other rules."""

    CAUSE = 0
    """Of a cause: first."""
    PICTURE = 1
    """Of a picture that many causes leave: after those that name one."""
    READING = 2
    """Of how the log is to be read, or how far to be trusted, not of anything wrong: last."""
    BESIDE = 3
    """Of how parts are named, which matters where something is wrong with them: beside other findings alone."""


@sealed
class Rule:
    """A red flag.

    ``name`` is the symptom as a slug: it reads well after "the run has …".
    ``page`` is the module's docstring; its first line is the title, its sections are fixed (see ``rules/__init__``).
    ``needs`` lists what must be in the run, all of it: a column (``train/lr``), a prefix that must match at least
    one column (``train/raw/``), alternatives (``train/raw/|train/weighted/``), or an event source (``events``).
    """

    code: str
    name: str
    level: Level
    page: str = field(repr=False)
    needs: tuple[str, ...]
    check: Check
    thresholds: Thresholds = field(default_factory=dict)
    hint: Hint = Hint.CAUSE

    def finding(
        self,
        *,
        headline: str,
        evidence: tuple[str, ...],
        cause: str,
        remedy: str,
        level: Level | None = None,
        first_step: float | None = None,
        last_step: float | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> Finding:
        """Return a finding of this rule, of its own ``level`` where none is given; see :class:`Finding`."""
        of = self.level if level is None else level
        told = (headline, evidence, cause, remedy, first_step, last_step, numbers or {})
        return Finding(self.code, self.name, of, *told)

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.strip().splitlines()[0]

    def missing(self, run: Run) -> tuple[str, ...]:
        """Return the needs that the run does not meet."""
        return tuple(need for need in self.needs if not any(_has(run, one) for one in need.split("|")))


def _has(run: Run, need: str) -> bool:
    if need == "events":
        return bool(run.events) or "events" in run.facts
    if need.endswith("/"):
        return bool(run.terms(need))
    return run.get(need) is not None
