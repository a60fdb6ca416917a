"""The writer: append-only JSON lines, standard library only, usable from anyone's training loop.

>>> from sad_doctor.record import Recorder           # doctest: +SKIP
>>> with Recorder("runs/mine") as record:             # doctest: +SKIP
...     record.log(step, {"train/loss": loss})

``metrics.jsonl`` has one flat object a logged step: ``{"step": 12, "time": …, "train/loss": …}``.
``events.jsonl`` has one object an event. ``run.json`` is rewritten whole, by atomic rename.
A folder that holds a run already: see :class:`Recorder`.
Every line is strict JSON: a non-finite number is written as the string "NaN", "Infinity" or "-Infinity".
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sad_doctor import bounded, names

METRICS = "metrics.jsonl"
EVENTS = "events.jsonl"
RUN = "run.json"
_STOPPED = (KeyboardInterrupt, SystemExit, GeneratorExit)
_NO_NUMBER = (str, bytes, Mapping, list, tuple)
_PLAIN = (str, int, float, Mapping, list, tuple)


def spell(value: object) -> object:
    """Return ``value`` with every non-finite float spelled as a string, so that strict parsers can read it.

    A scalar of another library, such as a tensor of one element, becomes the number that its ``item`` gives.
    """
    if not isinstance(value, _PLAIN) and callable(item := getattr(value, "item", None)):
        value = item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {str(k): spell(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [spell(v) for v in value]
    return value


def dumps(value: object) -> str:
    """Return strict one-line JSON. Raises TypeError for what JSON cannot hold."""
    return json.dumps(spell(value), allow_nan=False, ensure_ascii=False, separators=(",", ":"))


class Recorder:
    """Writes a run folder. Not safe for several writers: give it to one process only.

    Where the folder holds the record of a run already, that one is moved into a folder of its own in it, ``earlier-1``,
    ``earlier-2`` and so on, which can be read like any run: two runs in one record would be told as one. With
    ``resume`` the record goes on instead, with its facts and its start; an event ``names.EVENT_RESUME`` then says from
    which step.

    Raises OSError if the folder cannot be made or written.
    """

    def __init__(
        self, folder: str | os.PathLike[str], facts: Mapping[str, object] | None = None, *, resume: bool = False
    ) -> None:
        """Open ``folder``, making it if need be; ``facts`` go to ``run.json``."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            _set_aside(self.folder)
        self._metrics: FileIO = self._open(METRICS)
        self._events: FileIO = self._open(EVENTS)
        self._facts: dict[str, Any] = {**self._read_facts(), names.STATUS: "running", **(facts or {})}
        self._facts.setdefault(names.STARTED, time.time())
        self.heartbeat()

    def log(self, step: int, values: Mapping[str, float | None], at: float | None = None) -> None:
        """Append one line with the values of ``step``: numbers or scalars of any library; written at once. None is no
        value. ``at`` is when it was, in seconds since the epoch, if that is not now.

        Raises TypeError for a value that is no number, before anything is written, and OSError where the line cannot
        be: nothing of it is in the file then.
        """
        given: dict[str, object] = {"step": step, **values}
        for name, value in given.items():
            if isinstance(value, _NO_NUMBER) or (value is None and name == "step"):
                raise TypeError(f"{name} is no number but {type(value).__name__}: log takes numbers, event takes words")
        self._write(self._metrics, {"step": step, "time": time.time() if at is None else at, **values})

    def event(self, kind: str, message: str = "", step: int | None = None, at: float | None = None) -> None:
        """Append an event; ``kind`` is one of ``names.EVENT_*``. ``at`` and OSError as for :meth:`log`."""
        line = {"time": time.time() if at is None else at, "kind": kind, "step": step, "message": message}
        self._write(self._events, {k: v for k, v in line.items() if v is not None})

    def heartbeat(self, **facts: object) -> None:
        """Rewrite ``run.json`` with the time of now and any new facts."""
        self._facts |= facts
        self._facts[names.HEARTBEAT] = time.time()
        replace_text(self.folder / RUN, json.dumps(spell(self._facts), allow_nan=False, indent=1, ensure_ascii=False))

    def reopen(self) -> None:
        """Open both files again, after somebody has put others in their places."""
        before = self._metrics, self._events
        # where that fails the others stay open
        self._metrics, self._events = self._open(METRICS), self._open(EVENTS)
        for file in before:
            file.close()

    @property
    def deleted(self) -> bool:
        """Whether somebody has removed a file that is open: what is written to it is on no disk."""
        return any(os.fstat(file.fileno()).st_nlink == 0 for file in (self._metrics, self._events))

    def close(self, status: str = "finished") -> None:
        """Write the last status and close the files. Safe to call twice. Raises OSError; the files are closed then."""
        if self._metrics.closed:
            return
        try:
            self.heartbeat(**{names.STATUS: status})
        finally:
            self._metrics.close()
            self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        status = "finished" if error is None else "interrupted" if isinstance(error, _STOPPED) else "crashed"
        try:
            if error is not None and not self._metrics.closed:
                event = names.EVENT_CRASH if status == "crashed" else names.EVENT_INTERRUPT
                self.event(event, f"{type(error).__name__}: {error}")
        finally:
            self.close(status)

    def _open(self, name: str) -> FileIO:
        path = self.folder / name
        _drop_half_line(path)
        # without a buffer: a line that could not be written would stay in it
        return path.open("ab", buffering=0)

    def _read_facts(self) -> dict[str, Any]:
        try:
            facts = bounded.json_of(self.folder / RUN)
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    @staticmethod
    def _write(file: FileIO, line: Mapping[str, object]) -> None:
        # a file name in a message can hold bytes that are no text: written as the escape that JSON has for them
        rest = memoryview((dumps(line) + "\n").encode("utf-8", "backslashreplace"))
        before = os.fstat(file.fileno()).st_size
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            # a disk that is full takes a part
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` by a temporary file and an atomic rename: a reader sees the old or the new whole.

    Raises OSError; what was half written is removed then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # what lies there may be a link to something else
        temporary.unlink(missing_ok=True)
        with temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _set_aside(folder: Path) -> None:
    """Move the record of an earlier run into a folder of its own, whatever became of that run."""
    old = [path for path in (folder / RUN, folder / METRICS, folder / EVENTS) if path.exists()]
    if not old:
        return
    number = 1
    while True:
        aside = folder / f"earlier-{number}"
        try:
            aside.mkdir()
        except FileExistsError:
            number += 1
        else:
            break
    for path in old:
        path.replace(aside / path.name)


def _drop_half_line(path: Path) -> None:
    """Cut a last line that a killed writer left without its newline: the next line must not be glued to it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            cut = file.read(end - start).rfind(b"\n")
            if cut >= 0:
                file.truncate(start + cut + 1)
                return
            end = start
        file.truncate(0)
