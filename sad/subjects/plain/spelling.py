"""Which bytes a token stands for, told from how it is spelled; shares no code with the code that trains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

FALLBACK = re.compile("<0x([0-9A-F]{2})>")


def spelled(tokenizer: Any, token: int) -> bytes:  # noqa: ANN401 - transformers' tokenizers have no common type
    """Return the bytes of a token of a byte-level tokenizer, or of one with pieces of ASCII and a fallback to bytes."""
    text: str = tokenizer.convert_ids_to_tokens(token)
    if fallback := FALLBACK.fullmatch(text):
        return bytes.fromhex(fallback[1])
    return bytes(_table().get(character, ord(character)) for character in text)


def whole(text: bytes) -> bool:
    """Whether these bytes are characters, none of them cut."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def longest(text: bytes, table: Mapping[bytes, int]) -> int:
    """Return the longest token that begins ``text``; every single byte is one."""
    return next(table[text[:n]] for n in range(len(text), 0, -1) if text[:n] in table)


@cache
def _table() -> dict[str, int]:
    """GPT-2's table: Latin-1's visible characters stand for themselves, those from 256 on for the rest, in order.

    And SentencePiece's space, which is none of them.
    """
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + n): byte for n, byte in enumerate(rest)} | {"\u2581": 32}
