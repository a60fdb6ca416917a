"""Cuts the bytes of a terminal's text into segments: a carriage return ends one as a newline does."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 1 << 16
_ENDS = re.compile(rb"([\r\n])")


class Segment(NamedTuple):
    """A piece of text; ``redraws`` if it is written over the one before it, as progress bars are."""

    text: bytes
    redraws: bool


class Segments:
    """Follows a stream; a segment without its end waits. Of one longer than ``LONGEST`` bytes the start is kept."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._redraws = False

    def feed(self, chunk: bytes) -> list[Segment]:
        """Return the segments that ``chunk`` completes, an empty one for a blank line."""
        found = []
        pieces = _ENDS.split(chunk)
        for text, end in zip(pieces[0::2], pieces[1::2], strict=False):
            self._hold(text)
            if self._rest.strip():
                found.append(Segment(bytes(self._rest), self._redraws))
            elif not self._redraws:
                found.append(Segment(b"", False))
            self._rest.clear()
            self._redraws = end == b"\r"
        self._hold(pieces[-1])
        return found

    @property
    def rest(self) -> bytes:
        """The beginning of a segment whose end has not come yet."""
        return bytes(self._rest)

    def _hold(self, text: bytes) -> None:
        self._rest += text[: LONGEST - len(self._rest)]
