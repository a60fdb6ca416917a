"""A tokenizer for steps, which get their texts in ids: it has marks and sizes, and writes ids as words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sad.judge.dicts import Batch
from sad.judge.records import Text, ids_of, worded
from sad.judge.stand_in import NeedsAdapterError, nothing
from sad.subjects.plain.loop import VOCABULARY


class Words:
    """Answers what a step asks of a tokenizer. It is false, as none is, so that texts written on the way are left."""

    pad_token_id = eos_token_id = bos_token_id = unk_token_id = 0
    pad_token = eos_token = bos_token = unk_token = "</s>"
    padding_side, vocab_size, model_max_length = "right", VOCABULARY, 64
    save_pretrained = push_to_hub = nothing

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a mark, an id, or several
        """Return its only mark, or that of a kind that it has not: no others."""
        if name.endswith(("_tokens", "_tokens_ids", "_token_ids")):
            return []
        if name.endswith(("_token", "_token_id")):
            return self.pad_token if name.endswith("_token") else self.pad_token_id
        raise AttributeError(f"'Words' object has no attribute '{name}'")

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return VOCABULARY

    def decode(self, ids: Iterable[Any], **_: object) -> str:
        """Return ids as words."""
        return " ".join(f"t{int(one)}" for one in ids)

    def batch_decode(self, rows: Iterable[Iterable[Any]], **_: object) -> list[str]:
        """Return rows of ids as words."""
        return [self.decode(row) for row in rows]

    def convert_tokens_to_ids(self, tokens: str | list[str]) -> int | list[int]:
        """Return the id of its mark, for each token that is asked for."""
        return 0 if isinstance(tokens, str) else [0] * len(tokens)

    def add_tokens(self, *_: object, **__: object) -> int:
        """Add none."""
        return 0

    def add_special_tokens(self, *_: object, **__: object) -> int:
        """Add none."""
        return 0

    def __call__(self, text: Any = None, *_: object, **__: object) -> Any:  # noqa: ANN401 - ids of any form
        """Return the ids of a text, or of several, that was read here. Raises UserError for any other."""
        if isinstance(text, Text):
            ids = ids_of(text)
            return Batch(input_ids=ids, attention_mask=[1] * len(ids))
        if isinstance(text, list) and text and all(isinstance(one, Text) for one in text):
            every = [ids_of(one) for one in text]
            return Batch(input_ids=every, attention_mask=[[1] * len(ids) for ids in every])
        raise NeedsAdapterError("it reads texts of its own with its tokenizer")

    def encode(self, text: Any = None, *_: object, **__: object) -> list[int]:  # noqa: ANN401
        """Return the ids of a text that was read here. Raises UserError for any other."""
        ids: list[int] = self(text)["input_ids"]
        return ids


def texts_of(batches: Sequence[Batch]) -> list[str]:
    """Return the texts of padded batches as words."""
    return [
        worded(ids, mask) for one in batches for ids, mask in zip(one["input_ids"], one["attention_mask"], strict=True)
    ]
