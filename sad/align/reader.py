"""One tokenizer's reading of a text: ids, and the byte at which each token ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sad.align.token_bytes import token_bytes, tokenizer_fingerprint
from sad.errors import UserError

Ints = NDArray[np.int64]

NO_END = -1
"""End of a token that stops inside a character, or that stands for no text: never a boundary."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Token ``i`` has id ``ids[i]`` and its text ends before byte ``ends[i]``; both int64 of one length."""

    ids: Ints
    ends: Ints


class Reader:
    """Reads text with a fast Hugging Face tokenizer.

    ``size`` is the number of real tokens (highest id + 1): rows of an embedding beyond it are padding.
    Raises UserError for a tokenizer that cannot tell which text a token stands for.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - transformers' tokenizers have no common type
        self.tokenizer = tokenizer
        try:
            self.bytes: list[bytes | None] = token_bytes(tokenizer)
        except ValueError as error:
            raise UserError(str(error)) from None
        self.size = len(self.bytes)
        self.fingerprint = tokenizer_fingerprint(tokenizer)
        self._lengths = np.array([-1 if b is None else len(b) for b in self.bytes], dtype=np.int64)
        # what the tokenizer itself puts before a text: the models were trained to see it
        self.prefix: tuple[int, ...] = tuple(_prefix(tokenizer))
        self.eos: int | None = tokenizer.eos_token_id
        first = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        self.pad: int = next(i for i in first if i is not None)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read each text, without special tokens."""
        encoded = self.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False
        )
        rows: Iterable[tuple[str, list[int], list[tuple[int, int]]]] = zip(
            texts, encoded["input_ids"], encoded["offset_mapping"], strict=True
        )
        return [self._reading(text, np.array(ids, dtype=np.int64), spans) for text, ids, spans in rows]

    def _reading(self, text: str, ids: Ints, spans: list[tuple[int, int]]) -> Reading:
        added = self._added_bytes(text, ids)
        if added is None:
            return Reading(ids, ends_from_spans(text, spans))
        ends = np.cumsum(self._lengths[ids]) - added
        # before the first byte of the text nothing has been read
        return Reading(ids, np.where(ends > 0, ends, NO_END))

    def _added_bytes(self, text: str, ids: Ints) -> int | None:
        """How many bytes the tokens spell before the text: 0, or 1 where the tokenizer puts a space first.

        None where the tokens' bytes, one after the other, are something else: then their lengths say nothing.
        """
        if (self._lengths[ids] < 0).any():
            return None
        spelled, wanted = b"".join(self.bytes[i] or b"" for i in ids.tolist()), text.encode("utf-8", "surrogatepass")
        added = len(spelled) - len(wanted)
        return added if spelled == b" "[:added] + wanted else None


def ends_from_spans(text: str, spans: Sequence[tuple[int, int]]) -> Ints:
    """Turn character spans into the byte at which each token ends, int64.

    Tokens that share a character (a letter cut into bytes) have overlapping spans; only the last of them has
    read it whole, so the others get ``NO_END``. So do tokens of no text.
    """
    if not spans:
        return np.empty(0, dtype=np.int64)
    start, end = np.array(spans, dtype=np.int64).T
    byte_at = np.zeros(len(text) + 1, dtype=np.int64)
    np.cumsum([len(c.encode("utf-8", "surrogatepass")) for c in text], out=byte_at[1:])
    following = np.append(start[1:], len(text))
    # a following token of no text says nothing about where this one stops
    whole = (end > start) & ((following >= end) | np.append(end[1:] == start[1:], False))
    return np.where(whole, byte_at[end], NO_END)


def _prefix(tokenizer: Any) -> list[int]:  # noqa: ANN401
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    dressed = tokenizer("a")["input_ids"]
    for start in range(len(dressed) - len(bare) + 1):
        if dressed[start : start + len(bare)] == bare:
            return list(dressed[:start])
    return []
