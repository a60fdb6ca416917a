"""Documents from files, from the hub, or from the package."""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sad import embedded
from sad.document import Document
from sad.errors import UserError
from sad.recipe import EMBEDDED, Data

FORMATS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
DOCUMENT = 4000
"""Characters after which a plain text file is cut, at the next empty line, into documents of its own."""


def documents(data: Data, seed: int) -> tuple[list[Document], list[Document]]:
    """Return training documents and held-out documents, each a non-empty list.

    Raises UserError when a source is missing, empty, of an unknown kind, or lacks the column.
    """
    train, held = _texts(data, seed)
    return [Document(text) for text in train], [Document(text) for text in held]


def _texts(data: Data, seed: int) -> tuple[list[str], list[str]]:
    if data.text == EMBEDDED and not isinstance(data.held_out, str):
        return embedded.train_text(), embedded.held_out_text()
    texts = _load(data.text, data.column)
    if isinstance(data.held_out, str):
        return texts, _load(data.held_out, data.column)
    return _split(texts, data.held_out, seed, data.text)


def _split(texts: list[str], share: float, seed: int, origin: str) -> tuple[list[str], list[str]]:
    if len(texts) < 2:
        raise UserError(f"{origin} holds one document only: name a file of its own in data.held_out")
    import random

    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    held = set(order[: max(1, round(share * len(texts)))])
    if len(held) == len(texts):
        held.pop()
    return [t for i, t in enumerate(texts) if i not in held], [texts[i] for i in sorted(held)]


def _load(name: str, column: str) -> list[str]:
    if name == EMBEDDED:
        return embedded.train_text()
    path = Path(name).expanduser()
    if path.is_dir():
        texts = [t for file in _files(path) for t in _read(file, column)]
    elif path.exists():
        texts = _read(path, column)
    elif path.is_symlink() or path.suffix.lower() in {*FORMATS, ".txt"} or name.startswith((".", "/", "~")):
        raise UserError(f"no such file: {name}")
    else:
        texts = list(_from_hub(name, column))
    texts = [t for t in texts if t.strip()]
    if not texts:
        raise UserError(f"{name} holds no text")
    return texts


def _files(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {*FORMATS, ".txt"} and p.is_file())
    if not files:
        raise UserError(f"{folder} holds no .txt, .jsonl, .json, .csv or .parquet file")
    return files


def _read(path: Path, column: str) -> list[str]:
    kind = path.suffix.lower()
    if kind in FORMATS:
        if not path.stat().st_size:
            return []
        # the library takes a name for a pattern
        found = _dataset(FORMATS[kind], str(path), data_files=glob.escape(str(path)), split="train")
        return list(_rows(found, column, str(path)))
    if kind not in {".txt", ".md", ""}:
        raise UserError(f"{path}: cannot read {kind} files; give .txt, .jsonl, .json, .csv or .parquet")
    try:
        return list(_paragraph_groups(path.read_text(encoding="utf-8-sig")))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); convert it first") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _paragraph_groups(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        cut = text.find("\n\n", start + DOCUMENT)
        stop = len(text) if cut < 0 else cut + 2
        yield text[start:stop]
        start = stop


def _from_hub(name: str, column: str) -> Iterator[str]:
    return _rows(_dataset(name, name, split="train"), column, name)


def _dataset(kind: str, origin: str, **how: str) -> Any:  # noqa: ANN401 - datasets is untyped
    import datasets

    datasets.disable_progress_bars()
    # what it has to say is in the error
    datasets.logging.set_verbosity(logging.CRITICAL)
    try:
        return datasets.load_dataset(kind, **how)
    except Exception as error:
        # datasets raises many kinds: network, format and schema errors all mean that there is no text to train on;
        # what went wrong in a file is the cause of an error that only says that something did
        told = str(error.__cause__ or error).strip()
        first = told.splitlines()[0] if told else type(error).__name__
        raise UserError(f"{origin}: cannot load it as a dataset: {first}") from None


def _rows(dataset: Any, column: str, origin: str) -> Iterator[str]:  # noqa: ANN401
    if column not in dataset.column_names:
        raise UserError(f"{origin}: no column {column!r}; it has {', '.join(dataset.column_names)} (set data.column)")
    for value in dataset[column]:
        if value is None:
            continue
        if not isinstance(value, str):
            raise UserError(f"{origin}: column {column!r} holds {type(value).__name__}, not text")
        yield value
