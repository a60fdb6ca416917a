"""JSON lines of anyone's making: flat or one level nested, with NaN, with garbage between the lines."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from sad_doctor import names
from sad_doctor.readers.cached_rows import CachedRows
from sad_doctor.readers.json_objects import parse
from sad_doctor.readers.naming import is_known
from sad_doctor.readers.numbers import numbers
from sad_doctor.readers.source import Reader
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


class JsonlLog:
    """Follows a JSON lines file; a step that is logged twice keeps both values, in file order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pace = Pace()
        self._file = CachedRows(path.resolve(), self.pace)
        self._run: Run | None = None

    def poll(self) -> bool:
        """Read all that is new; True if there was anything."""
        changed = self._file.poll()
        if changed:
            self._run = None
        return changed

    def run(self) -> Run:
        """Return the run as logged so far."""
        if self._run is None:
            rows = self._file.rows
            self._run = Run(
                name=sanitize(self.path.name, 200),
                format=FORMAT,
                path=self.path,
                columns=rows.snapshot(),
                facts={names.STATUS: "unknown", **rows.facts},
                notes=(*rows.notes, *self._file.notes),
            )
        return self._run


READER = Reader(FORMAT, recognises, JsonlLog, caches=True)
