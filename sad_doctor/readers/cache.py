"""A cache of what was read from a long log: it opens at once, and only what was appended is read.

One file per log, in `doctor` of `$SAD_CACHE`, else of the user's cache folder. It is never trusted blindly: it holds
numbers and names in a format of our own and no code, and is refused unless its version, sizes and checksum are right
and the log still is what was read. Where a cache cannot be read or written, the log is read without one.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from sad_doctor.run import Column, Floats

LEAST = 8 << 20
"""Bytes of a log, or of what is new in one, from which on a cache is worth writing."""
_MAGIC = b"SADDOCTOR\x00"
_VERSION = 3
_HEAD = struct.Struct("<HII")
_LONGEST_HEADER = 16 << 20
_MOST_VALUES = 1 << 31
_MOST_FILES = 16
MOST_BYTES = 1 << 29
"""Of all caches together; the newest one stays."""
_ABANDONED = 3600.0
"""Age in seconds from which on a half-written file counts as left by a writer that was killed."""
_ANY = (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError, RecursionError, MemoryError)
_SAMPLES, _SAMPLE = 64, 4096

State = dict[str, Any]
Marks = list[list[Any]]


def folder() -> Path:
    """Return where the caches lie."""
    if own := os.environ.get("SAD_CACHE"):
        return Path(own) / "doctor"
    shared = os.environ.get("XDG_CACHE_HOME", "")
    # the XDG specification: a path that is not absolute is to be ignored
    return (Path(shared) if shared.startswith("/") else Path.home() / ".cache") / "sad" / "doctor"


def store(path: Path, kind: str, end: int, state: State, columns: Mapping[str, Column]) -> bool:
    """Keep what the first ``end`` bytes of the log at ``path`` told: JSON values and columns. Whether it was kept."""
    try:
        with path.open("rb") as log:
            found = os.fstat(log.fileno())
            mark = {"kind": kind, "end": end, "hash": _hash(log, end), "node": [found.st_dev, found.st_ino]}
            mark |= {"size": found.st_size, "time": found.st_mtime_ns}
    except OSError:
        return False
    return _write(_place(path, kind), mark, state, columns)


def store_whole(
    path: Path, kind: str, marks: Marks, files: Sequence[Path], state: State, columns: Mapping[str, Column]
) -> bool:
    """Keep what the ``files`` of the log at ``path`` told, that have these ``marks`` now. Whether it was kept."""
    try:
        mark = {"kind": kind, "marks": marks, "hashes": [_hash_of(one) for one in files]}
    except OSError:
        return False
    return _write(_place(path, kind), mark, state, columns)


def load_whole(path: Path, kind: str, marks: Marks, files: Sequence[Path]) -> tuple[State, dict[str, Column]] | None:
    """Return what :func:`store_whole` kept, if marks and contents of the files are the same; else None."""

    def same(header: Mapping[str, Any]) -> bool:
        return bool(header["marks"] == marks and header["hashes"] == [_hash_of(one) for one in files])

    try:
        with _place(path, kind).open("rb") as file:
            found = _loaded(file, kind, same)
    except _ANY:
        return None
    return None if found is None else (found[0]["state"], found[1])


def _write(place: Path, mark: State, state: State, columns: Mapping[str, Column]) -> bool:
    try:
        axes: dict[tuple[int, int], int] = {}
        arrays: list[Floats] = []
        places = []
        for name, column in columns.items():
            key = (column.step.__array_interface__["data"][0], len(column))
            if key not in axes:
                axes[key] = len(arrays)
                arrays.append(column.step)
            arrays.append(column.value)
            places.append([name, axes[key], len(arrays) - 1])
        header = json.dumps({**mark, "state": state, "columns": places, "sizes": [one.size for one in arrays]}).encode()
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        with open(temporary, "wb", opener=_private) as file:
            checksum = zlib.crc32(header)
            for array in arrays:
                checksum = zlib.crc32(_bytes(array), checksum)
            file.write(_MAGIC + _HEAD.pack(_VERSION, len(header), checksum) + header)
            for array in arrays:
                file.write(_bytes(array))
        temporary.replace(place)
        _make_room(place.parent)
    except (OSError, ValueError, RuntimeError):
        return False
    return True


def load(path: Path, kind: str) -> tuple[int, State, dict[str, Column]] | None:
    """Return what :func:`store` kept of the log at ``path``, if the log still begins so; else None."""
    try:
        with _place(path, kind).open("rb") as file, path.open("rb") as log:
            stat = os.fstat(log.fileno())
            found = _loaded(file, kind, lambda header: _is_the_log(header, log, stat))
    except _ANY:
        return None
    return None if found is None else (found[0]["end"], found[0]["state"], found[1])


def _loaded(
    file: IO[bytes], kind: str, same: Callable[[Mapping[str, Any]], bool]
) -> tuple[State, dict[str, Column]] | None:
    """The header and the columns of a cache; None where it is none, or where the log is not the ``same``."""
    size = os.fstat(file.fileno()).st_size
    start = len(_MAGIC) + _HEAD.size
    head = file.read(start)
    if len(head) < start or not head.startswith(_MAGIC):
        return None
    version, length, checksum = _HEAD.unpack_from(head, len(_MAGIC))
    if version != _VERSION or length > min(_LONGEST_HEADER, size):
        return None
    text = file.read(length)
    header = json.loads(text)
    if header["kind"] != kind or not same(header):
        return None
    sizes = header["sizes"]
    whole = sum(sizes)
    if min(sizes, default=0) < 0 or whole > _MOST_VALUES or start + length + 8 * whole != size:
        return None
    arrays = []
    found = zlib.crc32(text)
    for count in sizes:
        array = np.fromfile(file, np.float64, count)
        found = zlib.crc32(_bytes(array), found)
        arrays.append(array)
    if found != checksum:
        return None
    columns = {name: Column(arrays[axis], arrays[value]) for name, axis, value in header["columns"]}
    return header, columns


def _is_the_log(header: Mapping[str, Any], log: IO[bytes], stat: os.stat_result) -> bool:
    """Whether a log still begins with what was read: untouched, or longer, and the same in every sample."""
    end = header["end"]
    if [stat.st_dev, stat.st_ino] != header["node"] or not 0 < end <= header["size"] <= stat.st_size:
        return False
    if stat.st_size == header["size"] and stat.st_mtime_ns != header["time"]:
        return False
    return bool(_hash(log, end) == header["hash"])


def _hash(log: IO[bytes], end: int) -> str:
    """Hash the beginning, the end and evenly spaced samples of the first ``end`` bytes."""
    import hashlib

    found = hashlib.sha256(str(end).encode())
    for part in range(_SAMPLES + 1):
        log.seek(max(0, (end - _SAMPLE) * part // _SAMPLES))
        found.update(log.read(min(_SAMPLE, end)))
    return found.hexdigest()


def _hash_of(path: Path) -> str:
    with path.open("rb") as log:
        return _hash(log, os.fstat(log.fileno()).st_size)


def _place(path: Path, kind: str) -> Path:
    import hashlib

    return folder() / (hashlib.sha256(f"{kind}\n{path.resolve()}".encode("utf-8", "surrogateescape")).hexdigest()[:32])


def _bytes(array: Floats) -> memoryview:
    return memoryview(np.ascontiguousarray(array).view(np.uint8).data)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_room(place: Path) -> None:
    """Remove the oldest caches beyond the limits of files and bytes, and what a killed writer has left."""
    found = [(one.stat(), one) for one in place.iterdir()]
    room = MOST_BYTES
    done = sorted(((stat.st_mtime, stat.st_size, one) for stat, one in found if one.suffix != ".tmp"), reverse=True)
    for number, (_, size, one) in enumerate(done):
        room -= size
        if number and (number >= _MOST_FILES or room < 0):
            one.unlink(missing_ok=True)
    for stat, one in found:
        if one.suffix == ".tmp" and time.time() - stat.st_mtime > _ABANDONED:
            one.unlink(missing_ok=True)
