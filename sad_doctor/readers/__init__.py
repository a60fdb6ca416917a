"""Opens any log that we know: content decides, then the name.

A reader is imported only when its turn comes, so that no time goes to those of other formats.

>>> from sad_doctor.readers import read                # doctest: +SKIP
>>> read("runs/latest").columns["train/loss"].last     # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path

from sad_doctor import words
from sad_doctor.readers.encoding import AsUtf8
from sad_doctor.readers.find import MOST_LOOKED_AT, Search, last_written, search
from sad_doctor.readers.kept import Kept, with_cache
from sad_doctor.readers.renamed import Named
from sad_doctor.readers.source import ACCEPTED, Reader, Source, Unreadable
from sad_doctor.readers.tail import is_binary, is_database
from sad_doctor.record import EVENTS, METRICS, RUN
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

__all__ = ["Source", "Unreadable", "open_log", "read", "settle", "several"]

_HEAD = 1 << 18
_BLANK = 64 << 20
"""The most leading zero bytes that are skipped: a sparse file can claim gigabytes of them."""
_SHOWN = 5
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/")
"""The scheme of a URL. One slash is enough: ``Path`` merges the two into one."""
_MAGIC = {
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"PK\x03\x04": "a zip file: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it first",
}


def open_log(path: str | os.PathLike[str]) -> Source:
    """Return the source for the log at ``path``; its run is empty until the first poll.

    Raises Unreadable, with one line for the user, if the log cannot be read.
    """
    given, path = os.fspath(path), Path(path)
    try:
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            return _open_missing(path, given)
        if not path.is_file():
            raise Unreadable(f"{shown(path)}: not a regular file: save the log to a file first")
        if path.name in (METRICS, EVENTS, RUN) and (path.parent / RUN).is_file():
            from sad_doctor.readers.run_folder import RunFolder

            return RunFolder(path.parent)
        return _open_file(path)
    except OSError as error:
        raise Unreadable(
            f"{shown(path)}: cannot be opened: {error.strerror or error}; name a log that can be read"
        ) from error
    except ValueError as error:
        raise Unreadable(f"{shown(path)}: not a path: {error}; name a log, or the folder of a run") from error


def read(path: str | os.PathLike[str]) -> Run:
    """Read a log as it is now. Raises Unreadable, with one line for the user, if the log cannot be read."""
    source = open_log(path)
    source.poll()
    settle(source)
    return source.run()


def several(path: str | os.PathLike[str]) -> list[Path]:
    """Return the runs in a database, or in a folder that is not itself a run, if there are two or more; else []."""
    place = Path(path)
    try:
        if place.is_file() and is_database(place):
            found = _runs_in(place)
        elif not place.is_dir() or _is_run(place):
            return []
        else:
            looked = search(place, _is_run)
            every = (*looked.runs, *looked.below)
            inside = ((one, _runs_in(one) if is_database(one) else []) for one in every)
            found = [run for one, runs in inside for run in (runs if len(runs) > 1 else [one])]
    except (OSError, ValueError):
        return []
    return found if len(found) > 1 else []


def settle(source: Source) -> None:
    """Take a last line that has no newline yet: the log is read once, not followed."""
    while isinstance(source, Named | Kept):
        source = source.source
    if callable(waits := getattr(source, "settle", None)):
        waits()


def shown(path: Path) -> str:
    """Return ``path`` as text that is safe on a terminal."""
    return sanitize(str(path), 300).replace("\n", "\ufffd")


def _open_missing(path: Path, given: str) -> Source:
    """Open a run that is named behind its database. Raises Unreadable for anything else that is not there."""
    if (url := _ADDRESS.match(given)) is not None:
        whole = f"{url[1]}://{given[url.end() :].lstrip('/')}"
        raise Unreadable(f"{sanitize(whole, 300)}: an address is not read: download the log, then name the file")
    if path.is_symlink():
        raise Unreadable(f"{shown(path)}: a link to {shown(path.readlink())}, which leads nowhere: name the log itself")
    if is_database(path.parent):
        return _of_database(path.parent, path.name)
    near = _mistyped(path)
    advice = "name a run folder or a log that is there" if near is None else f"did you mean {shown(near)}?"
    raise Unreadable(f"{shown(path)}: there is no such file or folder: {advice}")


def _mistyped(path: Path) -> Path | None:
    """Return what lies in the same folder under the most similar name, of the first thousand; None where none is."""
    with contextlib.suppress(OSError, ValueError):
        near = words.alike(path.name, (one.name for one in islice(path.parent.iterdir(), 1000)), cutoff=0.75)
        return path.with_name(near[0]) if near else None
    return None


def _open_file(path: Path) -> Source:
    # a file of size 0 may be one of the kernel's, such as its log, whose reading may never return
    some = path.stat().st_size > 0
    if some and is_database(path):
        return _of_database(path)
    head = _head(path) if some else b""
    if not head.strip():
        raise Unreadable(f"{shown(path)}: the file is empty: wait until the run has logged something")
    for reader in binary_readers():
        if reader.recognises(path, head):
            return with_cache(reader.open(path), lambda: [path])
    what = next((what for magic, what in _MAGIC.items() if head.startswith(magic)), None)
    if what is None and is_binary(head[:8192]):
        what = "a binary file"
    if what is not None:
        raise Unreadable(f"{shown(path)}: {what}. Accepted: {ACCEPTED}")
    for reader in text_readers():
        if reader.recognises(path, head):
            source = reader.open(path)
            # rows of JSON have a cache of their own, that grows with the log
            return source if reader.caches else with_cache(source, lambda: [path])
    raise Unreadable(f"{shown(path)}: text without a line that a training would log. Accepted: {ACCEPTED}")


def binary_readers() -> Iterator[Reader]:
    """Yield the readers of single binary files, in the order in which they are asked."""
    yield from _loaded("wandb_run", "tensorboard")


def text_readers() -> Iterator[Reader]:
    """Yield the readers of single text files, in the order in which they are asked."""
    yield from _loaded("trainer_state", "jsonl", "csv_table", "console")


def _loaded(*modules: str) -> Iterator[Reader]:
    for module in modules:
        yield import_module(f"{__name__}.{module}").READER


def _of_database(path: Path, wanted: str | None = None) -> Source:
    from sad_doctor.readers.databases import open_run

    return open_run(path, wanted)


def _runs_in(path: Path) -> list[Path]:
    from sad_doctor.readers.databases import runs_in

    return runs_in(path)


def _open_folder(folder: Path) -> Source:
    from sad_doctor.readers import mlflow_files, run_folder, tensorboard

    if run_folder.recognises(folder):
        return run_folder.RunFolder(folder)
    if mlflow_files.recognises(folder):
        source = mlflow_files.MlflowFiles(folder)
        return with_cache(source, source.files, source.logged)
    if tensorboard.event_files(folder):
        return with_cache(tensorboard.EventLog(folder), lambda: tensorboard.event_files(folder))
    looked = search(folder, _is_run)
    found, beside = looked.runs, _beside(folder, looked)
    if len(found) == 1:
        return Named(open_log(found[0]), {}, None, beside) if beside else open_log(found[0])
    rest = f"{words.counted(looked.others, 'other file')} without a log's name" if looked.others else ""
    told = "".join(f"; {note}" for note in (*beside, *([rest] if rest else ())))
    if not found and run_folder.begins(folder):
        raise Unreadable(f"{shown(folder)}: a run that has no record: it has not begun, or ended before its first step")
    if not found:
        raise Unreadable(f"{shown(folder)}: a folder without a run in it{told}. Accepted: {ACCEPTED}")
    newest = max(found, key=last_written)
    others = [one for one in found if one is not newest]
    note = (
        f"{len(found)} runs in this folder: the one that was written last was chosen, {shown(newest)}; "
        f"to see another one, name it: {_listed(others)}"
    )
    return Named(open_log(newest), {}, None, (note, *beside))


def _beside(folder: Path, looked: Search) -> tuple[str, ...]:
    """Notes on what else a folder holds, and on what of it was not looked at."""
    notes = []
    if looked.below:
        notes.append(f"the folders below hold runs too, which were left out: {_listed(looked.below)}")
    if looked.skipped:
        reasons = [_refusal(path).removeprefix(f"{shown(path)}: ") for path in looked.skipped[:_SHOWN]]
        told = [
            f"{shown(path.relative_to(folder))} ({reason.split('. Accepted')[0]})"
            for path, reason in zip(looked.skipped, reasons, strict=False)
        ]
        more = f" and {len(looked.skipped) - _SHOWN} more" if len(looked.skipped) > _SHOWN else ""
        notes.append(f"skipped: {', '.join(told)}{more}")
    if looked.cut:
        notes.append(f"only {MOST_LOOKED_AT} files and folders at most were looked at: name a folder further down")
    return tuple(notes)


def _listed(found: list[Path]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(shown(one) for one in found[:_SHOWN]) + more


def _refusal(path: Path) -> str:
    try:
        _open_file(path)
    except (Unreadable, OSError) as error:
        return str(error)
    return ""


def _is_run(path: Path) -> bool:
    try:
        if path.is_dir():
            from sad_doctor.readers import mlflow_files, run_folder, tensorboard

            return run_folder.recognises(path) or mlflow_files.recognises(path) or bool(tensorboard.event_files(path))
        if not path.is_file():  # to open a pipe is to wait for its writer
            return False
        _open_file(path)
    except (Unreadable, OSError):
        return False
    return True


def _head(path: Path) -> bytes:
    """The first bytes of a file and, of a longer one, the last: a long preamble can hide what it is.

    Leading zeros are skipped: a log that was truncated under its writer has them.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        while head and not head.strip(b"\x00") and file.tell() < _BLANK:
            head = file.read(_HEAD)
        head, text = head.lstrip(b"\x00"), AsUtf8(head)
        head = text.turn(head)
        size = os.fstat(file.fileno()).st_size
        if size > _HEAD:
            # an even offset, so that no UTF-16 unit is cut in two
            file.seek(max(_HEAD, (size - _HEAD) // 2 * 2))
            head += b"\n" + text.turn(file.read(_HEAD))
    return head
