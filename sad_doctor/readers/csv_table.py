"""A CSV table of metrics: sparse columns, blank cells, comma, semicolon or tab, decimal commas beside those two."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from pathlib import Path

from sad_doctor import names, words
from sad_doctor.readers.naming import column_of, is_known, step_rank
from sad_doctor.readers.numbers import number
from sad_doctor.readers.ranked_rows import RankedRows
from sad_doctor.readers.row_names import RowNames
from sad_doctor.readers.source import Log, Reader
from sad_doctor.readers.tail import Lines, Tail
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "CSV"
_DELIMITERS = ",;\t"
_MOST_CELLS = 10_000
_FEW = 64
_LONGEST_LINE = 1 << 20
_COMMA = re.compile(r"[-+]?\d{1,30},\d{1,30}(?:[eE][-+]?\d{1,4})?")
"""A number with a decimal comma."""
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_KILO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)[kK]")
_LONG = re.compile(r"[-+\d.eE]{65,}")
"""A number with more characters than any meaningful one has."""


def cells(line: bytes, delimiter: str) -> list[str]:
    """Return the cells of one line; an empty list if it cannot be one."""
    if len(line) > _LONGEST_LINE:
        return []
    text = line.removeprefix(BOM_UTF8).decode("utf-8", "replace").rstrip("\r\n")
    if '"' not in text and "\r" not in text:
        return [cell.strip() for cell in text.split(delimiter, _MOST_CELLS)[:_MOST_CELLS]] if text else []
    try:
        found = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in found[:_MOST_CELLS]]


def header(line: bytes) -> tuple[str, list[str]] | None:
    """Return the delimiter and the names if ``line`` can be the first line of a table of metrics, else None."""
    if line.lstrip().startswith((b"{", b"[", b"#", b"<")):
        return None
    delimiter = max(_DELIMITERS, key=lambda one: line.count(one.encode()))
    found = cells(line, delimiter)
    named = [cell for cell in found if cell]
    # pandas leaves the name of its index column blank
    if len(found) < 2 or len(named) < max(1, len(found) - 1) or any(number(cell) is not None for cell in named):
        return None
    return delimiter, found


def recognises(path: Path, head: bytes) -> bool:
    """Return whether the file starts with a line of names, one of them known, and a line of cells with a number."""
    lines = [line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")]
    found = header(lines[0]) if lines else None
    if found is None or not any(is_known(name) for name in found[1][:200]):
        return False
    if len(lines) == 1:
        return path.suffix.lower() in (".csv", ".tsv")
    row = cells(lines[1], found[0])
    return len(row) == len(found[1]) and any(number(cell) is not None or _COMMA.fullmatch(cell) for cell in row)


class CsvLog(Log):
    """Follows a CSV file. A line of names further down starts a new table, as some loggers write on a new metric."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._tail = Tail(path.resolve())
        self.pace = self._tail.pace
        self._row_names = RowNames(())
        self._names: list[str] = []
        self._steps: list[int] = []
        self._delimiter = ","
        self._garbage = 0
        self._lines = Lines()
        self._settled = False
        self._commas = False
        self._reset()

    def _read(self) -> bool:
        return self._tail.read(self._take, self._reset)

    def settle(self) -> None:
        """Take a last line without its end, if it has all its cells. Call it when the file is not followed further."""
        row = self._cells(self._lines.rest)
        if len(row) == len(self._names) > 0 and self._rows.add(dict(zip(self._names, row, strict=True))):
            self._lines = Lines()
            self._settled, self._run = True, None

    def _make_run(self) -> Run:
        notes = [*self._rows.notes, *self._tail.notes]
        if self._garbage:
            notes.append(f"left out: {words.counted(self._garbage, 'line')} without a row of the table")
        if self._lines.rest.strip():
            notes.append("the last line has no end yet: it waits")
        if self._long:
            notes.append(f"numbers of more than {_FEW} characters were left out: {self._long}")
        if self._commas:
            notes.append("decimal commas were read as points")
        if self._settled:
            notes.append("the last line has no end; it has all its cells and was taken")
        facts = {names.STATUS: "unknown", **self._rows.facts}
        if named := self._row_names.found:
            key = sanitize(self._names[0], 60)
            notes = []
            facts = {names.UNREAD: f"each row has a name ({key}) and no step: a table of results, no training log"}
        return Run(
            name=sanitize(self.path.name, 200),
            format=FORMAT,
            path=self.path,
            columns={} if named else self._rows.snapshot(),
            facts=facts,
            notes=tuple(notes),
        )

    def _cells(self, line: bytes) -> list[str]:
        row = cells(line, self._delimiter)
        for at in self._steps:
            if at < len(row):
                row[at] = _step(row[at])
        if len(line) > _FEW:
            self._long += sum(len(cell) > _FEW and _LONG.fullmatch(cell) is not None for cell in row)
        if self._delimiter == "," or b"," not in line:
            return row
        commas = [_COMMA.fullmatch(cell) is not None for cell in row]
        self._commas = self._commas or any(commas)
        return [cell.replace(",", ".") if has else cell for cell, has in zip(row, commas, strict=True)]

    def _take(self, chunk: bytes) -> None:
        for line in self._lines.feed(chunk):
            self._line(line)

    def _line(self, line: bytes) -> None:
        if not line.strip() or line.startswith(b"#"):
            return
        row = self._cells(line)
        fits = 0 < len(row) <= len(self._names)
        if fits and self._rows.add(dict(zip(self._names, row, strict=False))):
            self._row_names.add(row)
            return
        found = header(line)
        if found is not None:
            self._delimiter, self._names = found[0], _tagged(self.path, found[1])
            self._steps = [at for at, name in enumerate(self._names) if step_rank(name) is not None]
            self._row_names = RowNames(self._names)
        else:
            self._garbage += 1

    def _reset(self) -> None:
        self._rows = RankedRows()
        self._row_names = RowNames(())
        self._lines = Lines()
        self._settled = False
        self._commas = False
        self._names = []
        self._steps = []
        self._delimiter = ","
        self._garbage = self._long = 0


def _step(cell: str) -> str:
    """A step that is spelled ``1,000`` or ``1.5k``, in digits."""
    if _THOUSANDS.fullmatch(cell):
        return cell.replace(",", "")
    found = _KILO.fullmatch(cell)
    return f"{float(found[1]) * 1000:.0f}" if found else cell


def _tagged(path: Path, found: list[str]) -> list[str]:
    """The names of a table; TensorBoard's export of one series has its tag in the file's name, with ``_`` for ``/``."""
    if [name.lower() for name in found] != ["wall time", "step", "value"]:
        return found
    tag = path.stem.rsplit("tag-", 1)[-1]
    return [names.TIME, found[1], tag if column_of(tag) is not None else found[2]]


READER = Reader(FORMAT, recognises, CsvLog)
