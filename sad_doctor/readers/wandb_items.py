"""The items of a history record of Weights & Biases: a key and the JSON text of its value, many millions of them.

An item in the usual form, with a key of one part, is read by its lengths; any other by the full parser.
"""

from __future__ import annotations

import json

from sad_doctor.readers.json_objects import quick
from sad_doctor.readers.protobuf import fields, text

_ITEM, _KEY, _NESTED_KEY, _VALUE = 0x0A, 0x0A, 0x12, b"\x82\x01"
_LONGEST = 0x7F
"""Bytes of an item whose lengths are one byte each."""
_SHORTEST = 9
_MOST = 4096
_names: dict[bytes, str] = {}
"""Keys by the bytes before the length of a value: kind and length of the key, the key, and the mark of a value."""


def items(history: bytes) -> tuple[list[tuple[str, object]], int]:
    """Return the items in the usual form that a history record begins with, and where they end."""
    keys: list[str] = []
    values: list[bytes] = []
    at, end = 0, len(history)
    while end - at >= _SHORTEST and history[at] == _ITEM:
        size = history[at + 1]
        stop, mark = at + 2 + size, at + 6 + history[at + 3]
        if size > _LONGEST or mark >= stop or stop > end or mark + 1 + history[mark] != stop:
            break
        before = history[at + 2 : mark]
        name = _names.get(before) or _named(before)
        if name is None:
            break
        keys.append(name)
        values.append(history[mark + 1 : stop])
        at = stop
    try:
        every = b",".join(values)
        # a comma within a value would make two of it
        if every.count(b",") == len(values) - 1:
            told = quick(b"[" + every + b"]")
            if isinstance(told, list) and len(told) == len(keys):
                return list(zip(keys, told, strict=True)), at
    except (ValueError, RecursionError):
        pass
    return _each(keys, values, history)


def _each(keys: list[str], values: list[bytes], history: bytes) -> tuple[list[tuple[str, object]], int]:
    """Parse values one by one, up to the first that cannot be."""
    found: list[tuple[str, object]] = []
    at = 0
    for key, value in zip(keys, values, strict=True):
        try:
            found.append((key, quick(value)))
        except (ValueError, RecursionError):
            break
        at += 2 + history[at + 1]
    return found, at


def item(message: bytes) -> tuple[str, object]:
    """Return key and value of a `HistoryItem` or `ConfigItem`; nested keys are joined by ``/``.

    Raises ValueError where the message is broken.
    """
    key, nested, told = "", list[str](), ""
    for number, value in fields(message):
        if number == 1:
            key = text(value)
        elif number == 2:
            nested.append(text(value))
        elif number == 16:
            told = text(value)
    try:
        return key or "/".join(nested), json.loads(told)
    except (ValueError, RecursionError):
        return key or "/".join(nested), None


def _named(before: bytes) -> str | None:
    """Return the key; None if this is not the usual form."""
    kind, name = before[0], before[2:-2]
    if kind not in (_KEY, _NESTED_KEY) or not name or before[-2:] != _VALUE or before[1] != len(name):
        return None
    found = text(name)
    if len(_names) < _MOST:
        _names[before] = found
    return found
