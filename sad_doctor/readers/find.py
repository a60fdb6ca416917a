"""Looks for runs in a folder."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

_MOST_ENTRIES = 500
MOST_LOOKED_AT = 1000
"""How many files and folders are asked whether they are runs."""
LONGEST = 10.0
"""Seconds that a search may take."""
_DEEPEST = 3
_LOGS = frozenset({".jsonl", ".ndjson", ".csv", ".tsv", ".log", ".out", ".err", ".wandb", ".db", ".sqlite"})
"""Suffixes that promise a log; a file with one of the others may be anything."""
_SUFFIXES = _LOGS | {".json", ".txt", ""}
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,15})")


@dataclass(slots=True)
class Search:
    """What is in a folder: the runs, the logs beside them that are none, and the runs in the folders below.

    ``below`` is empty where the runs are there themselves. ``cut`` tells that not all was looked at, ``others`` counts
    the files there that are no runs and whose names promise no log.
    """

    runs: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    below: list[Path] = field(default_factory=list)
    cut: bool = False
    others: int = 0


def search(folder: Path, is_run: Callable[[Path], bool]) -> Search:
    """Return the runs in ``folder``, sorted by name: its logs, else the runs one level down, else two, else three.

    Of the checkpoints of a Hugging Face run the newest counts. A link to a run that is there itself does not count.
    ``is_run`` says whether a file or folder is one; it is asked :data:`MOST_LOOKED_AT` times at most, and
    for :data:`LONGEST` seconds.
    """
    found, left, end = Search(), MOST_LOOKED_AT, time.monotonic() + LONGEST

    def asked(path: Path) -> bool:
        nonlocal left
        left = left - 1 if time.monotonic() < end else -1
        found.cut = found.cut or left < 0
        return left >= 0 and is_run(path)

    entries = _entries(folder)
    for entry in entries:
        if entry.is_file() and entry.suffix.lower() in _SUFFIXES:
            if asked(entry):
                found.runs.append(entry)
            elif entry.suffix.lower() in _LOGS:
                found.skipped.append(entry)
            else:
                found.others += 1
        elif entry.is_file():
            found.others += 1
    level = [entry for entry in entries if entry.is_dir()]
    runs = [entry for entry in level if not _CHECKPOINT.fullmatch(entry.name) and asked(entry)]
    if found.runs:
        found.below = runs
        return found
    state = _newest_state(level)
    if state is not None and asked(state):
        runs.append(state)
    for _ in range(_DEEPEST - 1):
        if runs or found.cut:
            break
        inside = [one for entry in level if not _CHECKPOINT.fullmatch(entry.name) for one in _entries(entry)]
        logs = (one for one in inside if one.is_dir() or one.suffix.lower() in _SUFFIXES)
        runs = [one for one in islice(logs, MOST_LOOKED_AT) if asked(one)]
        level = [one for one in inside if one.is_dir() and not one.is_symlink()][:MOST_LOOKED_AT]
    found.runs = runs
    return found


def last_written(path: Path) -> float:
    """Return when a file, or the newest file in a folder, was written, as Unix time; 0 where that is not known."""
    try:
        if not path.is_dir():
            return path.stat().st_mtime
        return max((one.stat().st_mtime for one in islice(path.iterdir(), _MOST_ENTRIES) if one.is_file()), default=0.0)
    except OSError:
        return 0.0


def _newest_state(folders: list[Path]) -> Path | None:
    numbers = {int(found[1]): entry for entry in folders if (found := _CHECKPOINT.fullmatch(entry.name))}
    return numbers[max(numbers)] / "trainer_state.json" if numbers else None


def _entries(folder: Path) -> list[Path]:
    """The entries by name, without hidden ones and without links to one of the others."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))[:_MOST_ENTRIES]
        own = {entry.resolve() for entry in entries if not entry.is_symlink()}
    except OSError:
        return []
    return [entry for entry in entries if not entry.is_symlink() or not _leads_to_one(entry, own)]


def _leads_to_one(link: Path, own: set[Path]) -> bool:
    try:
        return link.resolve() in own
    except (OSError, RuntimeError):  # Python before 3.13 raises RuntimeError for links in a circle
        return True
