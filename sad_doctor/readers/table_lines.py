"""Tables that a training prints: a line of names, then lines of nothing but numbers, said anew with their names.

So print fastai, notebooks of Hugging Face's Trainer and loops with a header of their own.
"""

from __future__ import annotations

import re

from sad_doctor.readers.naming import column_of
from sad_doctor.readers.numbers import NUMBER

_BETWEEN = r"[\s|│┃,]"
_HEADER = re.compile(
    rf"{_BETWEEN}{{0,40}}(?:global[_ ])?(?:step|iter|iteration|epoch|ep)"
    rf"(?:{_BETWEEN}{{1,40}}[A-Za-z_][\w./\-()%@]{{0,40}}){{1,40}}{_BETWEEN}{{0,40}}",
    re.IGNORECASE,
)
"""Names alone, the first of which counts."""
_ROW = re.compile(r"[|│┃\s]{0,40}\d[^A-DF-MO-Z=;\[\]]{0,2000}", re.IGNORECASE)
"""What may be a line of numbers: it has no letters but those of nan and of an exponent."""
_COLUMNS, _CELLS = re.compile(r"\s*[|│┃,\t]\s*|\s{2,}"), re.compile(rf"{_BETWEEN}+")
_CELL = re.compile(rf"{NUMBER}|(?P<other>[\d:.]{{1,20}}|-+|{NUMBER}%)", re.IGNORECASE)


class Tables:
    """Takes lines, one after the other; remembers the names above the numbers."""

    def __init__(self) -> None:
        self._names: dict[int, list[str]] = {}

    def told(self, line: str) -> str:
        """Return a line of a table as ``step: 10 | loss: 2.5``, and any other line as it is."""
        if not self._names and (":" in line or "=" in line):
            return line  # neither names alone nor numbers below them
        if self._names and (cells := _numbers(line)) is not None and (names := self._names.get(len(cells))) is not None:
            return " | ".join(f"{name}: {cell}" for name, cell in zip(names, cells, strict=True) if cell)
        if _HEADER.fullmatch(line) is not None:
            words = [_split(split, line) for split in (_CELLS, _COLUMNS)]  # a name may hold a blank: the later counts
            if any(column_of(name) is not None for some in words for name in some[1:]):
                self._names = {len(some): some for some in words if len(some) > 1}
        return line


def _split(split: re.Pattern[str], line: str) -> list[str]:
    return split.split(line.strip(" \t|│┃,"))


def _numbers(line: str) -> list[str] | None:
    """The cells of a line, empty where one is no number, such as a time; None if it is no line of numbers."""
    if _ROW.fullmatch(line) is None:
        return None
    found = [_CELL.fullmatch(cell) for cell in _split(_CELLS, line)]
    cells = [one[0] if one["other"] is None else "" for one in found if one is not None]
    return cells if len(cells) == len(found) and cells[0] else None
