"""A tokenizer for steps, which get their texts in ids: it has marks and sizes, and writes ids as words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sad.judge.stand_in import NeedsAdapterError, nothing
from sad.subjects.plain.loop import VOCABULARY


class Words:
    """Answers what a step asks of a tokenizer. It is false, as none is, so that texts written on the way are left."""

    pad_token_id = eos_token_id = bos_token_id = unk_token_id = 0
    pad_token = eos_token = bos_token = unk_token = "</s>"
    padding_side, vocab_size, model_max_length = "right", VOCABULARY, 64
    save_pretrained = push_to_hub = nothing

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

    def add_special_tokens(self, *_: object, **__: object) -> int:
        """Add none."""
        return 0

    def __call__(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - ids, where it could
        """Raise UserError: which texts it reads is not known."""
        raise NeedsAdapterError("it reads texts of its own with its tokenizer")

    encode = __call__
