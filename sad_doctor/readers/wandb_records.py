"""The records of a `.wandb` file, put together from its bytes as they come.

After seven bytes of its own the file is a LevelDB log: blocks of 32 KiB, in each of them fragments with a header of
checksum (4 bytes), length (2) and kind (1: whole, 2: first, 3: middle, 4: last). The checksum is not looked at.
"""

from __future__ import annotations

import struct

_START, _BLOCK = 7, 32 << 10
_FRAGMENT = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LARGEST = 64 << 20
_LEAST = 4096
_WAITING = 8 << 20
"""Zeros at the end that are kept, since they may still be written over; a hole in a file can be of any size."""


class Records:
    """Puts records together from the bytes of a file as they come."""

    def __init__(self) -> None:
        self.broken: int | None = None
        self._rest = b""
        self._at = 0
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def waits(self) -> bool:
        """Whether a record has begun and not ended."""
        return bool(self._parts or self._rest)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the records that ``chunk`` completes."""
        if self.broken is not None:
            return []
        data, at = self._rest + chunk, 0
        found: list[bytes] = []
        if self._at == 0 and len(data) >= _START:
            at = _START
        start = self._at
        while start + at >= _START and self.broken is None:
            at = self._whole_ones(data, at, start, found)
            room = _BLOCK - (start + at) % _BLOCK
            left = len(data) - at
            if room < _FRAGMENT.size:
                # too small for a header: zeros
                if left < room:
                    break
                at += room
                continue
            if left < _FRAGMENT.size:
                break
            _, size, kind = _FRAGMENT.unpack_from(data, at)
            if kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST) or _FRAGMENT.size + size > room:
                # a preallocated file ends in zeros, which may still be written over
                if left > _WAITING or data[at:].strip(b"\x00"):
                    self.broken = start + at
                break
            if left < _FRAGMENT.size + size:
                break
            self._fragment(kind, data[at + _FRAGMENT.size : at + _FRAGMENT.size + size], found)
            if self._size > _LARGEST:
                self.broken = start + at
            at += _FRAGMENT.size + size
        self._rest, self._at = b"" if self.broken is not None else data[at:], start + at
        return found

    def _whole_ones(self, data: bytes, at: int, start: int, found: list[bytes]) -> int:
        """Take the whole records that follow each other from ``at`` on in one block, as nearly all do. Return where
        they end.

        What is not one of them is left: of it there is more to say.
        """
        if self._parts:
            return at
        last = min(len(data), at + _BLOCK - (start + at) % _BLOCK)
        take, unpack, header = found.append, _FRAGMENT.unpack_from, _FRAGMENT.size
        while at + header <= last:
            _, size, kind = unpack(data, at)
            begin = at + header
            end = begin + size
            if kind != _WHOLE or end > last:
                break
            take(data[begin:end])
            at = end
        return at

    def _fragment(self, kind: int, part: bytes, found: list[bytes]) -> None:
        if kind in (_WHOLE, _FIRST):
            self._parts, self._size = [], 0
        self._parts.append(part)
        # a middle fragment fills its block; empty ones would never reach the limit of a record's size
        self._size += max(len(part), _LEAST)
        if kind in (_WHOLE, _LAST):
            found.append(b"".join(self._parts))
            self._parts, self._size = [], 0
