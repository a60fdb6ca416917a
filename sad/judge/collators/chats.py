"""What a chat template gives: ids, as before transformers 5, that answer to the names of an encoding too, as since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedTokenizerFast


class Encoded(list[Any]):
    """Ids of one conversation, or of each of several, which have their mask beside them."""

    def __init__(self, encoding: Mapping[str, Any]) -> None:
        super().__init__(encoding["input_ids"])
        self.encoding = dict(encoding)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - a place, or the name of a part
        """Return what is at a place, or a part by its name."""
        return self.encoding[key] if isinstance(key, str) else super().__getitem__(key)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a part
        try:
            return self.__dict__["encoding"][name]
        except KeyError:
            raise AttributeError(name) from None


class ChatTokenizer(PreTrainedTokenizerFast):  # type: ignore[misc]
    """A tokenizer of either: code that says nothing of `return_dict` is for one of the two."""

    def apply_chat_template(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as transformers does
        """Return ids that have the names of an encoding, where none of both is asked for; else as transformers does."""
        found = super().apply_chat_template(*given, **named)
        plain = isinstance(found, Mapping) and isinstance(found["input_ids"], list) and "return_dict" not in named
        return Encoded(found) if plain else found
