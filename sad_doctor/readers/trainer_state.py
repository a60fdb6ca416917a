"""Hugging Face's trainer_state.json, bare NaN and all. It is rewritten whole at every save."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sad_doctor import names
from sad_doctor.readers.encoding import AsUtf8
from sad_doctor.readers.numbers import number
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.source import Log, Reader, Unreadable
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "Hugging Face trainer_state.json"
_HISTORY = '"log_history"'
_LARGEST = 1 << 30


def recognises(path: Path, head: bytes) -> bool:
    """Return whether the file is a JSON object with a ``log_history``."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and (_HISTORY.encode() in head or path.name == "trainer_state.json")


class TrainerState(Log):
    """Reads the file again whenever it was rewritten. One that is cut off gives the entries that are whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = path.resolve()
        self._stat: tuple[int, int, int] | None = None
        self._text = ""

    def _read(self) -> bool:
        try:
            found = os.stat(self._file)
            stat = (found.st_ino, found.st_size, found.st_mtime_ns)
            if stat == self._stat or found.st_size > _LARGEST:
                return False
            data = self._file.read_bytes()
            self._text = AsUtf8(data).turn(data).decode("utf-8-sig", "replace")
        except OSError:
            return False
        self._stat = stat
        return True

    def _make_run(self) -> Run:
        """Return the run as of the last save. Raises Unreadable where it is nested too deeply."""
        run = self._parse()
        self._text = ""
        return run

    def _parse(self) -> Run:
        try:
            state, whole = parse(self._text)
        except RecursionError:
            told = (
                f"{sanitize(str(self.path), 300)}: its JSON is nested too deeply to be a trainer's: mend or remove it"
            )
            raise Unreadable(told) from None
        rows, summary, left_out = Rows(), {}, 0
        history = state.get("log_history")
        for entry in history if isinstance(history, list) else []:
            if not isinstance(entry, dict):
                left_out += 1
            elif "train_runtime" in entry:
                summary = {sanitize(str(key), 200): value for key, value in entry.items() if number(value) is not None}
            else:
                left_out += not rows.add(entry)
        notes = list(rows.notes)
        if not whole:
            notes.append("the file is cut off: the entries that are whole were read")
        if left_out:
            notes.append(f"{left_out} entries of log_history held no number and were left out")
        if summary:
            notes.append("the summary at the end holds averages over the run: kept as a fact, not as a point")
        return Run(
            name=sanitize(self._name(), 200),
            format=FORMAT,
            path=self.path,
            columns=rows.snapshot(),
            facts=_facts(state, summary),
            notes=tuple(notes),
        )

    def _name(self) -> str:
        """The folder's name: all these files have the same."""
        parts = [part for part in (self._file.parent.parent.name, self._file.parent.name) if part]
        return "/".join(parts[-1:] if not parts[-1:] or not parts[-1].startswith("checkpoint-") else parts)


def parse(text: str) -> tuple[dict[str, Any], bool]:
    """Return the state and whether it was whole; from a file that is cut off, what comes before and the history.

    Raises RecursionError where it is nested too deeply.
    """
    try:
        state = json.loads(text)
        return (state, True) if isinstance(state, dict) else ({}, True)
    except ValueError:
        pass
    at = text.find(_HISTORY)
    try:
        state = json.loads(text[: max(at, 0)].rstrip().rstrip(",") + "}") if at >= 0 else {}
    except ValueError:
        state = {}
    start = text.find("[", at) if at >= 0 else -1
    if start >= 0:
        state["log_history"] = _entries(text, start + 1)
    return state, False


def _entries(text: str, at: int) -> list[Any]:
    decoder = json.JSONDecoder()
    entries: list[Any] = []
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            entry, at = decoder.raw_decode(text, at)
        except ValueError:
            return entries
        entries.append(entry)


def _facts(state: dict[str, Any], summary: dict[str, Any]) -> dict[str, object]:
    total, done = number(state.get("max_steps")), number(state.get("global_step"))
    facts: dict[str, object] = {names.STATUS: "unknown"}
    if summary or (total and done and done >= total):
        facts[names.STATUS] = "finished"
    if total and total > 0:
        facts[names.TOTAL_STEPS] = total
    for key, name in (("num_train_epochs", "epochs"), ("logging_steps", "logging_steps"), ("eval_steps", "eval_steps")):
        if (value := number(state.get(key))) is not None:
            facts[name] = value
    if summary:
        facts["summary"] = summary
    return facts


READER = Reader(FORMAT, recognises, TrainerState)
