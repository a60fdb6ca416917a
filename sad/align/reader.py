"""One tokenizer's reading of a text: ids, and the byte at which each token ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sad.align.token_bytes import token_bytes, tokenizer_fingerprint
from sad.errors import UserError

Ints = NDArray[np.int64]

NO_END = -1
"""End of a token that stops inside a character, or that stands for no text: never a boundary."""


PROBE = "Call me  Ishmael.\n\n\tSome years ago, 1,024 of them; é 夜明け 🐋 <s></s>"
"""Text on which the compiled tokenizer is compared with the one around it."""


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
        self._backend: Any = tokenizer.backend_tokenizer
        self._split = bool(getattr(tokenizer, "split_special_tokens", False))
        self._spelled = _spelled(self._backend, self.bytes)
        # marks: begin, end, the turns of a chat
        self.special: NDArray[np.bool_] = np.array([b is None for b in self.bytes], dtype=bool)
        self._lengths = np.array([-1 if b is None else len(b) for b in self._spelled], dtype=np.int64)
        # what the tokenizer itself puts before a text: the models were trained to see it
        self.prefix: tuple[int, ...] = tuple(_prefix(tokenizer))
        self.eos: int | None = tokenizer.eos_token_id
        first = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        self.pad: int = next(i for i in first if i is not None)

        # the compiled tokenizer reads several times as fast without the layers around it, where they add nothing
        with _told_in_a_line():
            wanted = tokenizer(PROBE, add_special_tokens=False)["input_ids"]
            self._direct: bool = self._encoded([PROBE])[0].ids == wanted

    def __getstate__(self) -> dict[str, Any]:
        """For a worker process: without transformers' object, where reading needs it not."""
        return {**self.__dict__, "tokenizer": None if self._direct else self.tokenizer}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read each text, without special tokens. Raises UserError where the tokenizer gives up."""
        with _told_in_a_line():
            if not self._direct:
                return [self._reading(text, ids, spans) for text, ids, spans in self._wrapped(texts)]
            return [self._reading(text, one.ids) for text, one in zip(texts, self._encoded(texts), strict=True)]

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        """Read with the compiled tokenizer, without the places of tokens in the text: they cost as much again."""
        backend = self._backend
        # what transformers sets before each call: a tokenizer may have been saved with limits
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = self._split
        found: list[Any] = backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return found

    def _wrapped(self, texts: Sequence[str]) -> Iterable[tuple[str, list[int], list[tuple[int, int]]]]:
        encoded = self.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False
        )
        return zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)

    def _reading(self, text: str, tokens: list[int], spans: list[tuple[int, int]] | None = None) -> Reading:
        ids = np.array(tokens, dtype=np.int64)
        lengths = self._lengths[ids]
        added = None if lengths.size and lengths.min() < 0 else self._added_bytes(text, tokens)
        if added is None:
            if spans is None:
                spans = self._backend.encode(text, add_special_tokens=False).offsets
            return Reading(ids, ends_from_spans(text, spans))
        ends = np.cumsum(lengths) - added
        # a token of no text, or of what was put before it, has read nothing
        return Reading(ids, np.where(ends > np.maximum(ends - lengths, 0), ends, NO_END))

    def _added_bytes(self, text: str, tokens: list[int]) -> int | None:
        """How many bytes the tokens spell before the text: 0, or 1 where the tokenizer puts a space first.

        None where the tokens' bytes, one after the other, are something else: then their lengths say nothing.
        """
        spelled = b"".join(map(self._spelled.__getitem__, tokens))  # type: ignore[arg-type]  # none is None: see above
        wanted = text.encode("utf-8", "surrogatepass")
        added = len(spelled) - len(wanted)
        return added if spelled == b" "[:added] + wanted else None


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    """A pattern that tries too many ways through a text ends the compiled tokenizer in a panic, which is no Exception
    and has no name to import.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        told = str(error).partition("\n")[0]
        raise UserError(f"a tokenizer gives up on a text ({told}): mend the patterns in its tokenizer.json") from None


def ends_from_spans(text: str, spans: Sequence[tuple[int, int]]) -> Ints:
    """Turn character spans into the byte at which each token ends, int64.

    Tokens that share a character (a letter cut into bytes) have overlapping spans; only the last of them has
    read it whole, so the others get ``NO_END``. So do tokens of no text.
    """
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    code = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    byte_at = np.zeros(len(text) + 1, dtype=np.int64)
    # UTF-8 takes a byte more from each of these on
    np.cumsum(sum((code >= first).astype(np.int64) for first in (0x80, 0x800, 0x10000)) + 1, out=byte_at[1:])
    following = np.append(start[1:], len(text))
    # a following token of no text says nothing about where this one stops
    whole = (end > start) & ((following >= end) | np.append(end[1:] == start[1:], False))
    return np.where(whole, byte_at[end], NO_END)


def _spelled(backend: Any, spelled: list[bytes | None]) -> list[bytes | None]:  # noqa: ANN401
    """Add to the bytes of each token what stands for a mark in the text itself, as in a chat that was written out."""
    marks: dict[int, Any] = backend.get_added_tokens_decoder()
    return [
        marks[i].content.encode("utf-8", "surrogatepass") if one is None and i in marks else one
        for i, one in enumerate(spelled)
    ]


def _prefix(tokenizer: Any) -> list[int]:  # noqa: ANN401
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    dressed = tokenizer("a")["input_ids"]
    for start in range(len(dressed) - len(bare) + 1):
        if dressed[start : start + len(bare)] == bare:
            return list(dressed[:start])
    return []
