"""Where a page or a picture goes, never over what was read; and a word to the person, on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from sad_doctor.readers import shown
from sad_doctor.record import EVENTS, METRICS, RUN

_OURS = (".html", ".htm", ".svg")
_RECORD = (METRICS, EVENTS, RUN)
_BESIDE = ("-wal", "-shm", "-journal")
"""What a database keeps in files of its own."""


class Unwritable(Exception):  # noqa: N818 - a verdict on the place, not a fault of ours
    """A file cannot be written. The message is one line for the user."""


def guard(targets: Iterable[tuple[str, str | Path | None]], inputs: Iterable[str | Path | None]) -> None:
    """Raise ValueError, in one line, where a target is a folder, or writing to it would destroy an input.

    ``targets`` are options and their files, ``inputs`` logs, run folders and settings; None is left out. In a folder
    that is read, what exists is kept unless it is a page or a picture, and a name of the record is never taken.
    """
    wanted = [(option, Path(target)) for option, target in targets if target is not None]
    read = [Path(one) for one in inputs if one is not None]
    for number, (option, target) in enumerate(wanted):
        if os.path.isdir(target):
            raise ValueError(f"{option} {shown(target)}: it is a folder: name a file")
        for one in read:
            if _destroys(target, one):
                raise ValueError(f"{option} {shown(target)}: it would overwrite what is read: name another file")
        if any(_same(target, other) for _, other in wanted[:number]):
            raise ValueError(f"{option} {shown(target)}: another option writes this file too: name another one")


def tell(text: str) -> None:
    """Say a line on standard error. That nobody listens there, or that it cannot be written, changes nothing else."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def written(what: str, path: str | Path, write: Callable[[], None]) -> str:
    """Write, and return the line that says where. Raises Unwritable."""
    try:
        write()
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise Unwritable(f"{shown(Path(path))}: the {what} cannot be written: {reason}: name another file") from error
    return f"{what} written: {shown(Path(path))}"


def _destroys(target: Path, one: Path) -> bool:
    source = one if os.path.lexists(one) else one.parent  # FILE.db/RUN is a run in a database
    if source.is_file():
        inside_record = source.name in _RECORD and (source.parent / RUN).is_file()
        beside = any(_same(target, source.with_name(source.name + end)) for end in _BESIDE)
        return _same(target, source) or beside or (inside_record and _destroys(target, source.parent))
    if not source.is_dir() or (source is not one):
        return False
    try:
        inside = target.resolve().is_relative_to(source.resolve())
    except (OSError, RuntimeError, ValueError):
        return False
    if inside and (target.name in _RECORD or (target.exists() and target.suffix.lower() not in _OURS)):
        return True
    # a link from elsewhere to a file of the run
    return target.exists() and any(_same(target, source / name) for name in _RECORD)


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file: by its number where it is there, else by where they lead."""
    with contextlib.suppress(OSError, ValueError):
        return one.samefile(other)
    try:
        return one.resolve() == other.resolve()
    except (OSError, RuntimeError, ValueError):
        return False
