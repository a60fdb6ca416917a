"""What code reads while it is judged, from a hub, a file or a command line that is not here: stand-ins answer.

`load_dataset(…)["train"]`, `json.load(open(path))`, `np.memmap(path)`, `torch.load(path)`, `pd.read_csv(path)` and
`parse_args()` ask for what its program has. Records have every column that they are asked for: the texts that are
judged, in words, or their ids. What is done to records before a loader takes them is left, since the batches of a
loader are made here.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sad.judge import configs, saved, tables
from sad.judge.callers import asking, bound, standing
from sad.judge.records import File, Pickled, Record, Records, Text, ids_of

PROGRAMS_OWN = ("load_dataset", "load_from_disk")
"""What reads data sets in the package of that name."""


@contextmanager
def reading(texts: Sequence[str], settings: configs.Make) -> Iterator[None]:
    """As long as it is open, what code of a program reads and is not here is those texts, as words.

    ``settings(name, declared)`` makes what settings are read into, of what is declared for them.
    """
    load_file, load_text = json.load, json.loads

    def load(file: Any, **named: Any) -> Any:  # noqa: ANN401 - a file
        return Records(file.texts) if isinstance(file, File) else load_file(file, **named)

    def line(text: Any, **named: Any) -> Any:  # noqa: ANN401 - a text
        return Record(text) if isinstance(text, Text) else load_text(text, **named)

    with standing() as put:
        put([(builtins, "open", _opened(builtins.open, texts))])
        put(bound("json", {"load": configs.json_of(load, settings), "loads": line}))
        put((np, name, _numbers(getattr(np, name), texts)) for name in ("load", "memmap", "fromfile"))
        put(bound("datasets", {name: lambda *_, **__: Records(texts) for name in PROGRAMS_OWN}))
        put(bound("datasets.distributed", {"split_dataset_by_node": lambda dataset, *_, **__: dataset}))
        put(saved.stands(texts))
        put(tables.stands(texts))
        put(configs.stands(settings))
        yield


def _opened(real: Callable[..., Any], texts: Sequence[str]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:  # noqa: ANN401 - a file
        try:
            return real(file, mode, *more, **named)
        except (FileNotFoundError, IsADirectoryError):
            if {*mode} & {*"wax+"} or asking() is None:
                raise
            return Pickled(str(file)) if "b" in mode else File(texts, str(file))

    return opened


def _numbers(real: Callable[..., Any], texts: Sequence[str]) -> Callable[..., Any]:
    """What reads numbers: where there is no such file, the ids of all texts."""

    def read(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - an array
        try:
            return real(*given, **named)
        except (FileNotFoundError, IsADirectoryError):
            if asking() is None:
                raise
            return np.array([one for text in texts for one in ids_of(text)], dtype=named.get("dtype") or np.int64)

    return read
