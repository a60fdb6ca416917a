"""How judged bugs look: rows of a table on a terminal, plain lines elsewhere, and the lines at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from sad.bug import Bug
    from sad.verdict import Verdict
    from sad.verify.battery import Outcome

BUG, TIME = 17, 6
NARROWEST = 40
"""Columns that a wrapped line has at least."""
WIDE = 140
"""From this width on, names are not broken."""
NAME = 28
CATCHES, SILENT = "●", "·"
"""In the matrix: a property breaks on the faulty code of a bug, or does not."""


def spells(encoding: str, text: str) -> bool:
    """Return whether an encoding has every sign of a text."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Marks:
    """The signs for good and bad."""

    good: str
    bad: str

    @classmethod
    def of(cls, encoding: str) -> Self:
        """Return check mark and cross, or words where the encoding has none."""
        return cls("✓", "✗") if spells(encoding, "✓✗") else cls("OK", "FAIL")

    def __getitem__(self, good: bool) -> str:
        return self.good if good else self.bad


def reproduced(outcome: Outcome) -> str:
    """What the faulty code did, in a few words: that which broke a property."""
    return _telling(outcome.reproduced, holds=False).says if outcome.caught else f"not caught: {_blind(outcome)}"


def fixed(outcome: Outcome) -> str:
    """What the code that trains does, property by property; or the one that it breaks."""
    if not outcome.absent:
        return f"still there: {_telling(outcome.fixed, holds=False).says}"
    return "; ".join(verdict.says for verdict in outcome.fixed)


def notes(outcome: Outcome) -> Iterator[str]:
    """What its documented fixes did, and its other forms."""
    for what, some in (("documented fix", outcome.attempts), ("also as", outcome.variants)):
        for name, judged in some.items():
            yield f"{what} ({name}): {_telling(judged, holds=False).says}"


def blame(outcome: Outcome) -> Iterator[str]:
    """What fails, if something does: a blind check, a sick build, or both."""
    if not outcome.caught:
        yield f"the check is blind: {_blind(outcome)}"
    if not outcome.absent:
        yield f"it is in the code that trains: {_telling(outcome.fixed, holds=False).says}"


def closing(outcomes: Sequence[Outcome], marks: Marks, *, whole: bool) -> Iterator[str]:
    """The lines at the end: what is verified, in the words of the original check, or what failed and where to read on.

    An issue is verified when every bug of it was judged and is good; all is, when all bugs were.
    """
    for outcome in outcomes:
        for fault in blame(outcome):
            yield f"{marks.bad} {outcome.bug.code} {outcome.bug.name}: {fault}; see: sad explain {outcome.bug.code}"
    issues = dict.fromkeys(outcome.bug.issue for outcome in outcomes if outcome.bug.issue)
    for issue in issues:
        if all(outcome.good for outcome in outcomes if outcome.bug.issue == issue):
            yield f"{marks.good} {issue} - VERIFIED"
    if whole and all(outcome.good for outcome in outcomes):
        yield f"{marks.good} ALL FIXES VERIFIED SUCCESSFULLY!"


class Waiting:
    """On a terminal, a progress bar below what is printed while bugs are judged; elsewhere, and unless ``shown``,
    nothing.
    """

    def __init__(self, console: Console, *, shown: bool = True) -> None:
        columns = (SpinnerColumn("line"), TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("loading", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def over(self, bugs: Sequence[Bug], outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Hand on each outcome, and show which bug is being judged."""
        names = [f"{bug.code} {bug.name}" for bug in bugs]
        self._bar.update(self._task, total=len(names), description=names[0])
        for done, outcome in enumerate(outcomes, 1):
            yield outcome
            self._bar.update(self._task, completed=done, description=names[min(done, len(names) - 1)])


class Lines:
    """One plain line a bug, and each detail below it, wrapped to the terminal's width."""

    def __init__(self, console: Console, marks: Marks) -> None:
        self._console, self._marks = console, marks

    def start(self) -> None:
        """Nothing goes before the first line."""

    def outcome(self, outcome: Outcome, *, details: bool) -> None:
        """Show a judged bug."""
        bug = outcome.bug
        head = f"{self._marks[outcome.good]} {bug.code} {bug.name}"
        says = f"reproduced: {reproduced(outcome)}  fixed: {fixed(outcome)}"
        self.line(f"{head}  {says}  {outcome.seconds:.1f} s")
        for note in notes(outcome) if details else ():
            width = max(NARROWEST, self._console.width)
            for line in textwrap.wrap(note, width, initial_indent="    ", subsequent_indent="      "):
                self.line(line)

    def line(self, line: str) -> None:
        """Show a line, whole: the console would wrap it."""
        print(line, file=self._console.file, flush=True)


class Rows:
    """A table whose rows appear one by one; texts wrap inside their columns."""

    def __init__(self, console: Console, marks: Marks) -> None:
        self._console, self._marks = console, marks

    def start(self) -> None:
        """Show the head of the table."""
        self._row(*(Text(title, "bold") for title in ("", "bug", "reproduced", "fixed", "time")))

    def outcome(self, outcome: Outcome, *, details: bool) -> None:
        """Show a judged bug."""
        good, bug = outcome.good, outcome.bug
        self._row(
            Text(f"{self._marks[good]} {bug.code}", "green" if good else "bold red"),
            Text(self._name(bug.name), "bold"),
            Text(reproduced(outcome), "" if outcome.caught else "bold red"),
            Text(fixed(outcome), "" if outcome.absent else "bold red"),
            Text(f"{outcome.seconds:.1f} s", "dim"),
        )
        for line in notes(outcome) if details else ():
            self._row(Text(), Text(), Text(line, "dim"), Text(), Text())

    def line(self, line: str) -> None:
        """Show a line below the table."""
        self._console.print(Text(line, "bold green" if line.startswith(self._marks.good) else "bold red"))

    def _row(self, *cells: Text) -> None:
        code, bug = len(self._marks.bad) + 5, NAME if self._console.width >= WIDE else BUG
        row = Table.grid(padding=(0, 2, 0, 0), expand=True)
        row.add_column(width=code)
        row.add_column(width=bug)
        row.add_column(ratio=5)
        row.add_column(ratio=4)
        row.add_column(width=TIME, justify="right")
        row.add_row(*cells)
        self._console.print(row)

    def _name(self, name: str) -> str:
        wide = self._console.width >= WIDE
        return name if wide else "\n".join(textwrap.wrap(name, BUG, break_long_words=False))


def _blind(outcome: Outcome) -> str:
    return ", ".join(f"{name} ({_telling(outcome.faulty[name], holds=True).says})" for name in outcome.blind)


def _telling(judged: Sequence[Verdict], *, holds: bool) -> Verdict:
    """The first verdict that holds or breaks, as asked; else the first of all."""
    return next((verdict for verdict in judged if verdict.holds is holds), judged[0])
