"""What code reads while it is judged, from a hub, a file or a command line that is not here: stand-ins answer.

`load_dataset(…)["train"]`, `json.load(open(path))`, `np.memmap(path)` and `parse_args()` ask for what its program has.
Records have every column that they are asked for: the texts that are judged, in words, or their ids. What is done to
records before a loader takes them is left, since the batches of a loader are made here.
"""

from __future__ import annotations

import argparse
import builtins
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

PROGRAMS_OWN = ("load_dataset", "load_from_disk")
"""What reads data sets in the package of that name."""
SPLITS = ("train", "validation", "test")
IDS = ("ids", "labels", "tokens", "label")
"""How the names of columns end that hold ids."""
SAME = {
    *("map", "filter", "shuffle", "with_format", "set_format", "remove_columns", "rename_column", "rename_columns"),
    *("cast", "cast_column", "sort", "flatten_indices", "select_columns", "add_column", "with_transform", "repeat"),
    *("set_transform", "shard", "train_test_split", "flatten", "batch", "unique", "class_encode_column"),
}
"""What makes records of records; splits of them are in them all."""
LIBRARIES = ("site-packages", "dist-packages", str(Path(argparse.__file__).parent))


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


class Record(dict[str, Any]):
    """An example: every column that it is asked for is its text, or the ids of that."""

    def __init__(self, text: str) -> None:
        super().__init__(text=Text(text))

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - a text, or ids
        return _column(name, self["text"])

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, _: Any = None) -> Any:  # noqa: ANN401 - a dict's
        """Return the column."""
        return self[name]


def _column(name: str, text: str) -> Any:  # noqa: ANN401
    if name.lower().endswith("mask"):
        return [1] * len(ids_of(text))
    return ids_of(text) if name.lower().endswith(IDS) else Text(text)


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
            return self if split or key in ("data", "examples") else [_column(key, one) for one in self.texts]
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

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__("".join(f"{one}\n" for one in texts))
        self.texts = list(texts)

    def __next__(self) -> str:  # type: ignore[override]
        """Return the next line."""
        return Text(super().__next__())


@contextmanager
def reading(texts: Sequence[str], settings: Callable[[str, Mapping[str, Any]], Any]) -> Iterator[None]:
    """As long as it is open, what code of a program reads and is not here is those texts, as words.

    ``settings(name, declared)`` makes what a command line is read into, of the defaults that it declares.
    """
    load_file, load_text, parse = json.load, json.loads, argparse.ArgumentParser.parse_known_args

    def load(file: Any, **named: Any) -> Any:  # noqa: ANN401 - a file
        return Records(file.texts) if isinstance(file, File) else load_file(file, **named)

    def line(text: Any, **named: Any) -> Any:  # noqa: ANN401 - a text
        return Record(text) if isinstance(text, Text) else load_text(text, **named)

    def parsed(self: Any, given: Any = None, space: Any = None) -> Any:  # noqa: ANN401 - a parser
        if not _of_a_program() or given is not None:
            return parse(self, given, space)
        return settings("args", {one.dest.lower(): one.default for one in self._actions}), []

    own: list[tuple[Any, str, Any]] = [
        (builtins, "open", _opened(builtins.open, texts)),
        (json, "load", load),
        (json, "loads", line),
        (argparse.ArgumentParser, "parse_known_args", parsed),
        *((np, name, _numbers(getattr(np, name), texts)) for name in ("load", "memmap", "fromfile")),
        *_bound({name: lambda *_, **__: Records(texts) for name in PROGRAMS_OWN}),
    ]
    before = [(of, name, getattr(of, name)) for of, name, _ in own]
    for of, name, stands in own:
        setattr(of, name, stands)
    try:
        yield
    finally:
        for of, name, was in before:
            setattr(of, name, was)


def _opened(real: Callable[..., Any], texts: Sequence[str]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:  # noqa: ANN401 - a file
        try:
            return real(file, mode, *more, **named)
        except (FileNotFoundError, IsADirectoryError):
            if {*mode} & {*"waxb+"} or not _of_a_program():
                raise
            return File(texts)

    return opened


def _numbers(real: Callable[..., Any], texts: Sequence[str]) -> Callable[..., Any]:
    """What reads numbers: where there is no such file, the ids of all texts."""

    def read(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - an array
        try:
            return real(*given, **named)
        except (FileNotFoundError, IsADirectoryError):
            if not _of_a_program():
                raise
            return np.array([one for text in texts for one in ids_of(text)], dtype=named.get("dtype") or np.int64)

    return read


def _bound(stands: Mapping[str, Any]) -> Iterator[tuple[Any, str, Any]]:
    """Where functions of `datasets` are named: there, and in every module of a program that imported them."""
    datasets = sys.modules.get("datasets")
    for name, stand in stands.items():
        real = getattr(datasets, name, None)
        for module in list(sys.modules.values()) if real is not None else ():
            if module is datasets or not _installed(getattr(module, "__file__", None) or LIBRARIES[0]):
                yield from ((module, key, stand) for key, value in list(vars(module).items()) if value is real)


def _installed(file: str) -> bool:
    return any(part in file for part in LIBRARIES)


def _of_a_program() -> bool:
    """Whether what reads is no library, but `argparse` or `pathlib` for a program."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.endswith(("argparse.py", "pathlib.py")):
        frame = frame.f_back
    return not _installed(frame.f_code.co_filename)
