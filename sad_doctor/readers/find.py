"""Looks for runs in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_MOST_ENTRIES = 500
_SUFFIXES = frozenset(
    {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".log", ".txt", ".out", ".err", "", ".wandb", ".db", ".sqlite"}
)
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,15})")


def runs_in(folder: Path, is_run: Callable[[Path], bool]) -> list[Path]:
    """Return the runs in ``folder``, sorted by name: its logs, else the runs one level down, else two.

    Of the checkpoints of a Hugging Face run the newest counts. A link to a run that is there itself does not count.
    ``is_run`` says whether a file or folder is one.
    """
    entries = _entries(folder)
    files = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in _SUFFIXES and is_run(entry)]
    if files:
        return files
    folders = [entry for entry in entries if entry.is_dir()]
    found = [entry for entry in folders if not _CHECKPOINT.fullmatch(entry.name) and is_run(entry)]
    state = _newest_state(folders)
    if state is not None and is_run(state):
        found.append(state)
    if found:
        return found
    return [
        log
        for entry in folders
        if not _CHECKPOINT.fullmatch(entry.name)
        for log in _entries(entry)
        if (log.is_dir() or log.suffix.lower() in _SUFFIXES) and is_run(log)
    ]


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
