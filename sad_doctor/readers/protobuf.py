"""Protocol-buffer messages without their library: the wire format, one level at a time.

The format is https://protobuf.dev/programming-guides/encoding. Messages from a stranger's file are bounded by their
own bytes: a length that reaches beyond them ends the message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, I64, LEN, I32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_I64, _I32 = struct.Struct("<Q"), struct.Struct("<I")


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field: an int for a varint and a fixed one (its bits), bytes for the rest.

    Raises ValueError where the message is broken.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = varint(message, at)
            yield key >> 3, value
            continue
        if kind == LEN:
            size, at = varint(message, at)
        elif kind == I64:
            size = 8
        elif kind == I32:
            size = 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > end:
            raise ValueError("a field reaches beyond its message")
        part = message[at : at + size]
        at += size
        yield key >> 3, part if kind == LEN else (_I64 if kind == I64 else _I32).unpack(part)[0]


def varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, and where it ends. Raises ValueError where it does not end."""
    value = 0
    for shift in range(_LONGEST_VARINT):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at
    raise ValueError("a number without an end")


def signed(value: int) -> int:
    """Return a varint as an int64: negative numbers have their highest bit set."""
    return value - (1 << 64) if value >= 1 << 63 else value


def as_float(bits: int) -> float:
    """Return the 32 bits of a field as the float that they are. Raises ValueError for more bits."""
    if bits >> 32:
        raise ValueError("more than 32 bits")
    found: float = struct.unpack("<f", _I32.pack(bits))[0]
    return found


def text(value: int | bytes) -> str:
    """Return a field as text; what is no UTF-8 is replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
