"""JSON lines of anyone's making: flat or one level nested, with NaN, with garbage between the lines."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from sad_doctor import names
from sad_doctor.readers.cached_rows import CachedRows
from sad_doctor.readers.json_objects import parse
from sad_doctor.readers.naming import is_known
from sad_doctor.readers.numbers import numbers
from sad_doctor.readers.source import Log, Reader
from sad_doctor.readers.tail import Pace
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "JSON lines"
_SHARE = 0.2


def recognises(_path: Path, head: bytes) -> bool:
    """Return whether at least a fifth of the first lines are JSON objects that hold a number, one of a known name."""
    lines = [line for line in head.split(b"\n") if line.strip()][:200]
    rows = [dict(numbers(row)) for line in lines if (row := parse(line)) is not None]
    good = [row for row in rows if row]
    return len(good) >= _SHARE * len(lines) and any(is_known(key) for row in good for key in islice(row, 200))


class JsonlLog(Log):
    """Follows a JSON lines file; a step that is logged twice keeps both values, in file order."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pace = Pace()
        self._file = CachedRows(path.resolve(), self.pace)

    def _read(self) -> bool:
        return self._file.poll()

    def _make_run(self) -> Run:
        rows = self._file.rows
        return Run(
            name=sanitize(self.path.name, 200),
            format=FORMAT,
            path=self.path,
            columns=rows.snapshot(),
            facts={names.STATUS: "unknown", **rows.facts},
            notes=(*rows.notes, *self._file.notes),
        )


READER = Reader(FORMAT, recognises, JsonlLog, caches=True)
