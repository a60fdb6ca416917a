"""What a data set or a file that is not here has: the texts that are judged, under every name that is asked for."""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence
from typing import Any

from torch import Tensor

SPLITS = ("train", "validation", "test")
IDS = ("ids", "labels", "tokens", "label")
"""How the names of columns end that hold ids."""
SAME = {
    *("map", "filter", "shuffle", "with_format", "set_format", "remove_columns", "rename_column", "rename_columns"),
    *("cast", "cast_column", "sort", "flatten_indices", "select_columns", "add_column", "with_transform", "repeat"),
    *("set_transform", "shard", "train_test_split", "flatten", "batch", "unique", "class_encode_column"),
}
"""What makes records of records; splits of them are in them all."""


class Text(str):
    """A text that was read: words, each of which is a token by its number."""

    __slots__ = ()

    def strip(self, chars: str | None = None, /) -> Text:
        """Return the text, which has no white space about it but the end of its line."""
        return Text(super().strip(chars))

    def rstrip(self, chars: str | None = None, /) -> Text:
        """Return the text without the end of its line."""
        return Text(super().rstrip(chars))


def ids_of(text: str) -> list[int]:
    """Return the ids of words `t7 t3`. Raises ValueError where a word is none of those."""
    return [int(word.removeprefix("t")) for word in text.split()]


def worded(ids: Tensor, mask: Tensor) -> str:
    """Return the ids [token] of a text, those where a mask is 1, as words."""
    return " ".join(f"t{token}" for token in ids[mask.bool()].tolist())


def column(name: str, text: str) -> Any:  # noqa: ANN401 - a text, or ids
    """Return what a column has of a text: it, or its ids, or a mask of them, as its name says."""
    if name.lower().endswith("mask"):
        return [1] * len(ids_of(text))
    return ids_of(text) if name.lower().endswith(IDS) else Text(text)


class Record(dict[str, Any]):
    """An example: every column that it is asked for is its text, or the ids of that."""

    def __init__(self, text: str) -> None:
        super().__init__(text=Text(text))

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - a text, or ids
        return column(name, self["text"])

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, _: Any = None) -> Any:  # noqa: ANN401 - a dict's
        """Return the column."""
        return self[name]


class Records(Sequence[Any]):
    """A data set, or a dict of its splits: as a sequence its examples, by a name a split or a column."""

    column_names = ("text",)

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - an example, a part, a split or a column
        if isinstance(key, str):
            split = key in SPLITS or key.startswith(("train", "val", "test", "eval", "dev"))
            return self if split or key in ("data", "examples") else [column(key, one) for one in self.texts]
        return Records(self.texts[key]) if isinstance(key, slice) else Record(self.texts[key])

    def __setitem__(self, key: str, value: object) -> None:
        """Keep what it is: a split that its program makes of another."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a method of data sets
        if name in SAME:
            return lambda *_, **__: self
        raise AttributeError(name)

    def select(self, places: Sequence[int], **_: object) -> Records:
        """Return those at some places, as many as there are."""
        return Records([self.texts[place] for place in places if place < len(self)])

    def take(self, many: int) -> Records:
        """Return the first ones."""
        return Records(self.texts[:many])

    def keys(self) -> Sequence[str]:
        """Return the names of splits."""
        return SPLITS

    def items(self) -> Sequence[tuple[str, Records]]:
        """Return the splits by their names."""
        return [(name, self) for name in SPLITS]


class File(io.StringIO):
    """A file that is not here: its lines are the texts."""

    def __init__(self, texts: Sequence[str], name: str = "") -> None:
        super().__init__("".join(f"{one}\n" for one in texts))
        self.texts, self.path = list(texts), name

    def __next__(self) -> str:  # type: ignore[override]
        """Return the next line."""
        return Text(super().__next__())


class Pickled(io.BytesIO):
    """A file of bytes that is not here: what reads things back answers for it, and nobody has its bytes."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.path = name

    def read(self, *_: object) -> bytes:
        """Raise FileNotFoundError."""
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", self.path)
