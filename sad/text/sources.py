"""Where rows come from: a file, a folder of files, a saved data set, the hub."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from sad.errors import UserError
from sad.models import hub
from sad.recipe.inputs import Data
from sad.text import files
from sad.text.files import Row
from sad.text.writer import Tell

Source = Callable[[], Iterator[Row]]
"""Starts the same rows from the beginning, every time that it is called."""

SAVED = ("dataset_dict.json", "state.json")
"""One of these lies in a folder that `Dataset.save_to_disk` wrote."""
MANY = 100_000
"""So many files are looked through in a second or two; of more a word is said."""


def source(name: str, data: Data, split: str | None = None, tell: Tell | None = None) -> Source:
    """Find what ``name`` means; ``split`` goes before that of the recipe. Raises UserError if there is nothing.

    ``tell`` takes one line where a folder holds so many files that to look for text among them takes long.
    """
    path = Path(name).expanduser()
    split = split or data.split
    saved = path.is_dir() and any((path / file).exists() for file in SAVED)
    if path.exists() and not saved and (split or data.config):
        key = "data.config" if data.config else "data.split"
        raise UserError(f"{name} is a {'folder' if path.is_dir() else 'file'} without splits: leave out {key}")
    if saved:
        return _saved(path, split)
    if path.is_dir():
        inside = _inside(path, tell)
        return lambda: chain.from_iterable(map(files.rows, inside))
    if path.exists():
        return lambda: files.rows(path)
    if local(name):
        raise UserError(f"no such file: {name}; name a file or a folder of text, a data set of the hub, or embedded")
    return _from_hub(name, data, split or "train")


def local(name: str) -> bool:
    """Whether a name means something on this machine, and not on the hub."""
    path = Path(name).expanduser()
    return path.exists() or path.is_symlink() or files.readable(path) or name.startswith((".", "/", "~"))


def _inside(folder: Path, tell: Tell | None) -> list[Path]:
    if (whole := folder.resolve()) == whole.parent:
        raise UserError(f"{folder} is all of this machine's files: name the folder that holds the text")
    every = (path for path in _every(folder, tell) if files.readable(path))
    found = sorted(path for path in every if path.is_file())
    if not found:
        raise UserError(f"{folder} holds no {files.KNOWN} file: name the folder that does")
    return found


def _every(folder: Path, tell: Tell | None) -> Iterator[Path]:
    """Every file below a folder. One in it that is gone by then, or may not be read, is passed over."""
    seen = 0
    for top, _, names in os.walk(folder):
        if tell and seen <= MANY < seen + len(names):
            tell(f"looking for text in {folder}: it holds more than {MANY:,} files")
        seen += len(names)
        yield from (Path(top, name) for name in names)


def _saved(folder: Path, split: str | None) -> Source:
    import datasets

    found = _tried(lambda: datasets.load_from_disk(str(folder)), str(folder))
    if isinstance(found, datasets.DatasetDict):
        names = list(found)
        wanted = split or "train"
        if wanted not in names:
            raise UserError(f"{folder}: no split {wanted!r}; it has {', '.join(names)} (set data.split)")
        found = found[wanted]
    elif split:
        raise UserError(f"{folder} is a data set without splits: leave out data.split")
    return lambda: files.dataset_rows(found, str(folder))


def _from_hub(name: str, data: Data, split: str) -> Source:
    import datasets

    hub.ready()
    how = {"split": split, "streaming": data.streaming} | ({"name": data.config} if data.config else {})
    found = _tried(lambda: datasets.load_dataset(name, **how), name)

    def rows() -> Iterator[Row]:
        try:
            yield from files.dataset_rows(found, name)
        except Exception as error:
            # only what the library reads can fail here: our own errors are raised outside
            raise UserError(f"{name}: the stream broke ({_line(error)}): try again when the hub answers") from None

    return rows


def _tried(load: Callable[[], Any], origin: str) -> Any:  # noqa: ANN401 - datasets is untyped
    import datasets

    datasets.disable_progress_bars()
    # what it has to say is in the error
    datasets.logging.set_verbosity(logging.CRITICAL)
    try:
        return load()
    except Exception as error:
        # datasets raises many kinds: network, format and schema errors all mean that there is no text to train on;
        # what went wrong in a file is the cause of an error that only says that something did
        raise UserError(f"{origin}: cannot load it as a dataset: {_way_out(error)}") from None


def _way_out(error: Exception) -> str:
    whole, line = f"{error} {error.__cause__ or ''}", _line(error)
    if "Config name is missing" in whole:
        return f"{' '.join(str(error).split())[:300]}; set data.config"
    if "gated" in whole.lower():
        return f"{line}; ask for access on its page, then log in with: hf auth login"
    if "Unknown split" in whole:
        return f"{line} (set data.split)"
    if "ConnectionError" in type(error).__name__ or "OfflineMode" in type(error).__name__:
        return "no such file or folder here, and the hub cannot be reached: name a file, a folder, or embedded"
    return line


def _line(error: Exception) -> str:
    told = str(error.__cause__ or error).strip()
    return told.splitlines()[0] if told else type(error).__name__
