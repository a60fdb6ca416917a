"""The beginning of a GGUF file: enough to tell whether the file is whole, and how far its model reads."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sad.errors import UserError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
"""Versions whose lengths have 64 bits; others are left to the library that loads."""
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84)},
    **{11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 28: (1, 8), 30: (1, 2)},
}
"""Weights and bytes of a block of each common kind, by its number (ggml.h, ``enum ggml_type``)."""


MOST, ENTRIES = 10_000_000, 1_000_000
"""Values of a file before its weights, of which a tokenizer's lists hold most; and entries, or tensors."""
DEEPEST = 8
"""Depth of nested arrays, at most."""


def check(path: Path, name: str) -> int | None:
    """Return how many tokens the model reads, or None where the file does not say or is of a version not known here.

    Raises UserError if it is no GGUF file or breaks off. The format: docs/gguf.md of https://github.com/ggml-org/ggml.
    """
    size = path.stat().st_size
    with path.open("rb") as opened:
        if opened.read(4) != MAGIC:
            raise UserError(f"{name} is no GGUF file ({size:,} bytes): fetch it again")
        try:
            (version,) = struct.unpack("<I", opened.read(4))
            if version not in VERSIONS:
                return None
            places, wanted = _read(opened, size)
        except (struct.error, EOFError, OverflowError, KeyError):
            raise UserError(f"{name} breaks off, or is damaged, before its weights begin: fetch it again") from None
    if size < wanted:
        raise UserError(f"{name} breaks off: it has {size:,} bytes, its header tells of {wanted:,}; fetch it again")
    return places


def _read(opened: BinaryIO, size: int) -> tuple[int | None, int]:
    """Return how many tokens the model reads, and how many bytes the whole file has at the least."""
    tensors, entries = struct.unpack("<QQ", opened.read(16))
    if max(tensors, entries) > ENTRIES:
        raise EOFError
    read, places, alignment = _reader(opened, size), None, 32
    for _ in range(entries):
        key = _string(opened, size)
        (kind,) = struct.unpack("<I", opened.read(4))
        value = read(kind)
        if key.endswith(".context_length") and isinstance(value, int):
            places = value
        if key == "general.alignment" and isinstance(value, int) and value > 0:
            alignment = value
    last = 0
    for _ in range(tensors):
        _string(opened, size)
        (axes,) = struct.unpack("<I", opened.read(4))
        *shape, kind, offset = struct.unpack(f"<{min(axes, 64)}QIQ", opened.read(8 * min(axes, 64) + 12))
        weights, taken = BLOCKS.get(kind, (1, 0))
        last = max(last, offset + math.prod(shape) // weights * taken)
    return places, -(-opened.tell() // alignment) * alignment + last


def _reader(opened: BinaryIO, size: int) -> Callable[[int], int | float | None]:
    """Return what reads a value of a kind; of strings and arrays it only finds the end."""
    left = MOST

    def read(kind: int, depth: int = 0) -> int | float | None:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise EOFError
        if kind == STRING:
            _string(opened, size)
            return None
        if kind == ARRAY:
            inner, count = struct.unpack("<IQ", opened.read(12))
            if inner in SCALARS:
                _skip(opened, count * struct.calcsize(SCALARS[inner]), size)
                return None
            for _ in range(count):
                read(inner, depth + 1)
            return None
        form = "<" + SCALARS[kind]
        value: int | float = struct.unpack(form, opened.read(struct.calcsize(form)))[0]
        return value

    return read


def _string(opened: BinaryIO, size: int) -> str:
    (length,) = struct.unpack("<Q", opened.read(8))
    if opened.tell() + length > size:
        raise EOFError
    return opened.read(length).decode("utf-8", "replace")


def _skip(opened: BinaryIO, count: int, size: int) -> None:
    if opened.tell() + count > size:
        raise EOFError
    opened.seek(count, 1)
