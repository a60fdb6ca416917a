"""A run in MLflow's older store of files: `mlruns/EXPERIMENT/RUN/metrics/NAME`, lines of time, value and step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sad_doctor import names, words
from sad_doctor.readers.mlflow_database import STATUS
from sad_doctor.readers.naming import LENGTHS
from sad_doctor.readers.numbers import number
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.source import Log
from sad_doctor.readers.tail import Lines, Pace, Tail
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "MLflow files"
_META, _METRICS, _PARAMS = "meta.yaml", "metrics", "params"
_CODES = {"1": "RUNNING", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_LARGEST = 1 << 16


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` is a run of such a store."""
    return (folder / _META).is_file() and (folder / _METRICS).is_dir()


class MlflowFiles(Log):
    """Follows the metrics of one run, in the order of their times. A file that was rewritten is read again."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pace = Pace()
        self._folder = path.resolve()
        self._facts: dict[str, object] = {}
        self._start()

    def _read(self) -> bool:
        found: list[tuple[float, str, float, float]] = []
        for path in sorted(one for one in self._metrics() if one.is_file()):
            name = path.relative_to(self._folder / _METRICS).as_posix()
            if name not in self._files:
                self._files[name] = (Tail(path, self.pace), Lines())
            tail, lines = self._files[name]
            afresh = tail.look()
            if afresh:
                self._start()
                self._read()
                return True
            for chunk in tail.chunks() if afresh is not None else ():
                for line in lines.feed(chunk):
                    self._line(name, line, found)
        for _, name, value, step in sorted(found, key=lambda one: one[0]):
            self._rows.add({"step": step, name: value})
        facts = self._told()
        if found or facts != self._facts:
            self._facts = facts
            return True
        return False

    def files(self) -> list[Path]:
        """Return every file that is read."""
        told = [self._folder / _META, *(self._folder / _PARAMS / key for key in LENGTHS)]
        return sorted(one for one in (*self._metrics(), *told) if one.is_file())

    def logged(self, path: Path) -> bool:
        """Return whether a file is one of metrics, to which lines are added."""
        return (self._folder / _METRICS) in path.parents

    def _make_run(self) -> Run:
        notes = list(self._rows.notes)
        if self._garbage:
            notes.append(f"left out: {words.counted(self._garbage, 'line')} without time, value and step")
        return Run(
            name=sanitize(self._meta().get("run_name") or self._folder.name, 200),
            format=FORMAT,
            path=self.path,
            columns=self._rows.snapshot(),
            facts={names.STATUS: "unknown", **self._facts, **self._rows.facts},
            notes=tuple(notes),
        )

    def _metrics(self) -> Iterator[Path]:
        return (self._folder / _METRICS).rglob("*")

    def _line(self, name: str, line: bytes, found: list[tuple[float, str, float, float]]) -> None:
        parts = [number(part) for part in line.decode("utf-8", "replace").split()]
        if len(parts) != 3 or None in parts:
            self._garbage += bool(line.strip())
            return
        time, value, step = (part for part in parts if part is not None)
        found.append((time, name, value, step))

    def _meta(self) -> dict[str, str]:
        lines = _text(self._folder / _META).splitlines()
        return {key.strip(): value.strip().strip("'\"") for key, _, value in (line.partition(":") for line in lines)}

    def _told(self) -> dict[str, object]:
        facts: dict[str, object] = {}
        if status := STATUS.get(_CODES.get(self._meta().get("status", ""), "")):
            facts[names.STATUS] = status
        for key in LENGTHS:
            if steps := number(_text(self._folder / _PARAMS / key).strip()):
                facts[names.TOTAL_STEPS] = steps
                break
        return facts

    def _start(self) -> None:
        self._files: dict[str, tuple[Tail, Lines]] = {}
        self._rows = Rows(last_wins=True)
        self._facts = {}
        self._garbage = 0


def _text(path: Path) -> str:
    try:
        # to open a pipe is to wait for its writer
        if not path.is_file():
            return ""
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""
