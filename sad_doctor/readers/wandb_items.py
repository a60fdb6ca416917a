"""The items of a history record of Weights & Biases: a key and the JSON text of its value, many millions of them.

An item in the usual form, with a key of one part, is read by its lengths; any other by the full parser.
"""

from __future__ import annotations

import json

from sad_doctor.readers.jsonlines import quick
from sad_doctor.readers.protobuf import fields, text

_ITEM, _KEY, _NESTED_KEY, _VALUE = 0x0A, 0x0A, 0x12, b"\x82\x01"
_LONGEST = 0x7F
"""Bytes of an item whose lengths are one byte each."""
_SHORTEST = 9
_MOST = 4096
_names: dict[bytes, str] = {}


def items(history: bytes) -> tuple[list[tuple[str, object]], int]:
    """Return the items in the usual form that a history record begins with, and where they end."""
    found: list[tuple[str, object]] = []
    at, end = 0, len(history)
    while end - at >= _SHORTEST and history[at] == _ITEM:
        size, kind, length = history[at + 1], history[at + 2], history[at + 3]
        stop, value = at + 2 + size, at + 4 + length
        if kind not in (_KEY, _NESTED_KEY) or size > _LONGEST or not length or value + 3 > stop or stop > end:
            break
        if history[value : value + 2] != _VALUE or value + 3 + history[value + 2] != stop:
            break
        name = history[at + 4 : value]
        try:
            found.append((_names.get(name) or _named(name), quick(history[value + 3 : stop])))
        except (ValueError, RecursionError):
            break
        at = stop
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


def _named(name: bytes) -> str:
    found = text(name)
    if len(_names) < _MOST:
        _names[name] = found
    return found
