"""Turns UTF-16 into UTF-8, so that what PowerShell's ``>`` writes is read as any other text."""

from __future__ import annotations

import codecs

_CODECS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_MARK = "\ufeff"


class AsUtf8:
    """Turns the bytes of one file into UTF-8 as they come.

    ``head`` holds the file's first bytes: without the mark of UTF-16 there, everything passes as it is. What is no
    UTF-16 becomes U+FFFD.
    """

    def __init__(self, head: bytes) -> None:
        codec = _CODECS.get(head[:2])
        self._decoder = None if codec is None else codecs.getincrementaldecoder(codec)("replace")

    @property
    def waits(self) -> int:
        """How many bytes of an incomplete character are held back."""
        return 0 if self._decoder is None else len(self._decoder.getstate()[0])

    def turn(self, piece: bytes) -> bytes:
        """Return the next piece of the file as UTF-8, without the mark."""
        if self._decoder is None:
            return piece
        return self._decoder.decode(piece).replace(_MARK, "").encode("utf-8", "replace")
