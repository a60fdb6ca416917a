"""Files on a disk that may be full: errors in words, and folders that are written and removed atomically."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from safetensors import SafetensorError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: OSError) -> bool:
    """Return whether an error says that there is no room left."""
    # libraries in Rust say it in the text alone
    return error.errno in FULL or "os error 28" in str(error)


@contextmanager
def errors() -> Iterator[None]:
    """Raise OSError where a library in Rust raises a kind of its own for a disk that is full or read-only."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or not (isinstance(error, SafetensorError) or "(os error " in str(error)):
            raise
        raise OSError(str(error).rpartition(": ")[2] or "cannot write") from None


def told(error: OSError) -> str:
    """Return what an error says, in one line, with the file if it names one."""
    said = error.strerror or next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"{error.filename}: {said}" if error.filename else said


def refusal(folder: Path) -> str:
    """Return why nothing can be written to a folder, which need not exist yet; "" if something can. It is tried, with a
    file that has no name: of an administrator's rights and of a disk that cannot be written to only a try tells.
    """
    place = nearest = folder.expanduser()
    try:
        if place.is_symlink() and not place.exists():
            return "it is a link that leads nowhere"
        nearest = next(p for p in (place, *place.absolute().parents) if p.exists())
        if not nearest.is_dir():
            return f"{nearest} is a file"
        with TemporaryFile(dir=nearest):
            return ""
    except OSError as error:
        said = error.strerror or type(error).__name__
        return f"{nearest} takes no files ({said[:1].lower()}{said[1:]})"


def way_out(error: OSError) -> str:
    """Return what to do about an error, in two or three words."""
    return "make room" if is_full(error) else "put that right"


def aside(path: Path) -> Path:
    """Return the hidden name, of this process, under which ``path`` is written before it is there or removed after."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove(path: Path) -> None:
    """Remove a folder or a file that may not be there. It is there whole or not at all: whoever is killed here leaves
    a hidden name. What cannot be removed stays.
    """
    hidden = aside(path)
    try:
        path.replace(hidden)
    except OSError:
        hidden = path
    discard(hidden)


def discard(path: Path) -> None:
    """Remove what has a hidden name already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def sweep(folder: Path) -> None:
    """Remove what processes that were killed have left in a folder under hidden names; nobody else may write there."""
    for left in folder.glob(".*.tmp"):
        discard(left)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder, is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
