"""Bugs against properties: which property catches which bug, as it was seen, not as it was declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sad import catalogue
from sad.verify.battery import Outcome
from sad.verify.view import CATCHES, SILENT


@dataclass(frozen=True, slots=True)
class Matrix:
    """``cells[code][property]`` says whether a property broke on the faulty code of that bug; a pair that is missing
    was not judged, because the property speaks of another kind of code. ``numbers`` gives each property's number.
    """

    cells: dict[str, dict[str, bool]]
    numbers: dict[str, str]

    @property
    def uncaught(self) -> list[str]:
        """Codes of the bugs that no property catches."""
        return [code for code, row in self.cells.items() if not any(row.values())]

    @property
    def idle(self) -> list[str]:
        """The properties that catch no bug: judged in vain, or never."""
        return [name for name in self.numbers if not any(row.get(name, False) for row in self.cells.values())]

    def by_number(self, code: str) -> dict[str, bool]:
        """Return the row of a bug with the properties of one number taken together."""
        row: dict[str, bool] = {}
        for name, broke in self.cells[code].items():
            row[self.numbers[name]] = row.get(self.numbers[name], False) or broke
        return row


def matrix(outcomes: Sequence[Outcome]) -> Matrix:
    """Lay out what was judged."""
    cells = {}
    for outcome in outcomes:
        row = {invariant.__name__: False for invariant in outcome.bug.invariants}
        for judged in outcome.faulty.values():
            # of a process that died there is one verdict, whatever was to be judged
            for name, verdict in zip(row, judged, strict=False):
                row[name] = row[name] or not verdict.holds
        cells[outcome.bug.code] = row
    return Matrix(cells, catalogue.numbers())


def lines(found: Matrix, names: Mapping[str, str], *, whole: bool, plain: bool = False) -> Iterator[str]:
    """Return the matrix as text: a row a bug, a column a number; then the properties, and what is missing.

    ``names`` gives each bug's name by its code. A property without a bug is told only where the ``whole`` catalogue
    was judged. ``plain`` uses ASCII signs.
    """
    sign = {True: "x" if plain else CATCHES, False: "." if plain else SILENT, None: " "}
    columns = sorted(set(found.numbers.values()))
    widest = max(map(len, names.values()))
    yield f"{'':4}  {'':{widest}}  {' '.join(number.removeprefix('I') for number in columns)}"
    for code in found.cells:
        row = found.by_number(code)
        yield f"{code:4}  {names[code]:{widest}}  {'  '.join(sign[row.get(number)] for number in columns)}".rstrip()
    yield ""
    for number in columns:
        yield f"{number}  {', '.join(name for name, its in found.numbers.items() if its == number)}"
    yield ""
    yield f"{len(found.cells)} bugs, {_but(found.uncaught, 'each caught', 'not caught')}"
    if whole:
        yield f"{len(found.numbers)} properties, {_but(found.idle, 'each catches a bug', 'catch none')}"


def _but(some: Sequence[str], good: str, bad: str) -> str:
    return f"{len(some)} of them {bad}: {', '.join(some)}" if some else good
