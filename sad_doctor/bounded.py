"""Small files that somebody else may have written: read whole, and never without a bound on size and depth."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

JSON, TOML = 64 << 20, 1 << 20
"""Bytes of the largest file of each kind that is believed."""
DEPTH = 100
"""Levels of lists and tables in one another; a configuration has five."""
_STRINGS = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*(?:"""|\Z)|"(?:[^"\\\n]|\\.)*"?' + r"|'''(?:[^']|'(?!''))*(?:'''|\Z)|'[^'\n]*'?",
    re.DOTALL,
)
_LONG_KEY = re.compile(r"(?<![\w-])(?:[\w-]+[ \t]*\.[ \t]*){32}")
"""The parser keeps every beginning of a dotted key: one of 200,000 parts takes all the memory there is."""


def read(path: Path, most: int = JSON) -> bytes:
    """Return what is in a file. Raises OSError, and ValueError for a pipe or a device, and for more than ``most``."""
    # to open a pipe is to wait for its writer
    with open(path, "rb", opener=_waits_for_nobody) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        found = file.read(most + 1)
    if len(found) > most:
        raise ValueError(f"it has more than {most >> 20} MiB")
    return found


def text(path: Path, most: int = JSON) -> str:
    """Return a file as text, without the mark of its encoding. Raises OSError, and ValueError also for no UTF-8."""
    return _decoded(read(path, most), "utf-8-sig")


def json_of(path: Path, most: int = JSON) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a JSON file holds. Raises OSError, and ValueError in one line."""
    return loads(text(path, most))


def loads(told: str | bytes) -> Any:  # noqa: ANN401
    """Return the value of a JSON text. Raises ValueError also where it is nested too deeply."""
    whole = _decoded(told, "utf-8") if isinstance(told, bytes) else told
    try:
        return _level(json.loads(whole))
    except (RecursionError, ValueError) as error:
        raise _plain(error) from None


def toml_of(path: Path, most: int = TOML) -> dict[str, Any]:
    """Return what a TOML file holds. Raises OSError, and ValueError in one line."""
    return toml(text(path, most))


def toml(told: str) -> dict[str, Any]:
    """Return the tables of a TOML text. Raises ValueError also for keys of many parts and where it nests too deeply."""
    import tomllib

    if _LONG_KEY.search(_STRINGS.sub("s", told)):
        raise ValueError("a key of it has more than 32 parts")
    try:
        found = tomllib.loads(told)
        _level(found)
    except (RecursionError, ValueError) as error:
        raise _plain(error) from None
    return found


def _decoded(told: bytes, encoding: str) -> str:
    try:
        return told.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text (byte {error.start})") from None


def _plain(error: RecursionError | ValueError) -> ValueError:
    """Return an error of a parser in words that are no advice to a programmer of Python."""
    if isinstance(error, RecursionError):
        return ValueError("it is nested too deeply")
    # the parsers' own errors are of classes below this one
    if type(error) is ValueError and "integer string" in str(error):
        return ValueError("a number in it has more digits than can be read")
    return error


def _level(value: Any) -> Any:  # noqa: ANN401 - any value of JSON or TOML
    """Return a value that nests no deeper than ``DEPTH``. Raises ValueError for one that does."""
    level = [value]
    for _ in range(DEPTH):
        level = [
            below
            for one in level
            if isinstance(one, dict | list)
            for below in (one.values() if isinstance(one, dict) else one)
            if isinstance(below, dict | list)
        ]
        if not level:
            return value
    raise ValueError(f"it is nested too deeply: more than {DEPTH} levels")


def _waits_for_nobody(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
