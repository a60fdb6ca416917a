"""Rows of one file, as they come: plain text, JSON, JSON lines, CSV, Parquet, Arrow; text may be compressed."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sad.errors import UserError

DOCUMENT = 4000
"""Characters after which a plain text file is cut, at the next empty line, into documents of its own."""
FIELD = 2**31 - 1
"""Characters of the longest CSV field."""
AT_ONCE = 256
"""Rows of a Parquet file that are in memory together."""
PLAIN = (".txt", ".md", "")
PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its columns, or a stretch of plain text; ``place`` is where it stands."""

    origin: str
    unit: str
    number: int
    values: Mapping[str, Any] | str

    @property
    def place(self) -> str:
        """File, and line or row, counted from 1."""
        return f"{self.origin}, {self.unit} {self.number:,}"


def kind(path: Path) -> str:
    """Return the suffix that says what is in a file, in lower case, without that of its compression."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last in PACKED else last


def readable(path: Path) -> bool:
    """Whether a file in a folder is taken for text: a file without a suffix is not."""
    packed = path.suffix.lower() in PACKED
    return (kind(path) in READERS or kind(path) == ".txt") and not (packed and kind(path) in (".parquet", ".arrow"))


def rows(path: Path) -> Iterator[Row]:
    """Read a file row by row. Raises UserError with file and line for whatever is broken in it."""
    if kind(path) not in PLAIN and not readable(path):
        raise UserError(f"{path}: cannot read {path.suffix.lower()} files; give {KNOWN}")
    try:
        yield from READERS.get(kind(path), _plain)(path)
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"{path}: the compressed file is broken ({error}): copy or download it again") from None
    except OSError as error:
        if error.errno is None and path.suffix.lower() in PACKED:
            # that is how bz2 says it
            raise UserError(f"{path}: the compressed file is broken ({error}): copy or download it again") from None
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _plain(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        data = file.read()
    text = _decoded(data, str(path), "").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    start, number = 0, 0
    while start < len(text):
        cut = text.find("\n\n", start + DOCUMENT)
        stop = len(text) if cut < 0 else cut + 2
        number += 1
        yield Row(str(path), "part", number, text[start:stop])
        start = stop


def _json(path: Path) -> Iterator[Row]:
    """Rows of a list of objects, of an object that holds one, or of lines: the suffix does not tell which."""
    with _opened(path) as file:
        beginning = islice((line for line in file if line.strip()), 2)
        first, *more = [*(line.removeprefix(b"\xef\xbb\xbf") for line in beginning), b""]
    if not first or (len(more) > 1 and not first.lstrip().startswith(b"[") and _is_json(first)):
        yield from _json_lines(path)
        return
    with _opened(path) as file:
        text = _decoded(file.read(), str(path), "").removeprefix("\ufeff")
    try:
        found = json.loads(text, parse_constant=_none)
    except (json.JSONDecodeError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        told = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise UserError(f"{path}{line}: not JSON: {told}") from None
    if isinstance(found, dict):
        lists = [v for v in found.values() if isinstance(v, list)]
        found = lists[0] if len(lists) == 1 and len(found) == 1 else [found]
    for number, one in enumerate(found if isinstance(found, list) else [found], start=1):
        yield Row(str(path), "row", number, _an_object(one, f"{path}, row {number}"))


def _json_lines(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not line.strip():
                continue
            text = _decoded(line, str(path), f", line {number:,}")
            try:
                found = json.loads(text, parse_constant=_none)
            except (json.JSONDecodeError, RecursionError) as error:
                told = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                raise UserError(f"{path}, line {number:,}: not JSON: {told}; mend the line or delete it") from None
            yield Row(str(path), "line", number, _an_object(found, f"{path}, line {number:,}"))


def _none(_constant: str) -> None:
    """Tables write NaN, which is no JSON, where there is nothing."""


def _an_object(found: object, place: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise UserError(f'{place}: holds {type(found).__name__}, not an object with columns, such as {{"text": "…"}}')
    return found


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(FIELD)

    def lines() -> Iterator[str]:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                yield _decoded(line, str(path), f", line {number:,}").removeprefix("\ufeff" if number == 1 else "")

    reader = csv.reader(lines(), strict=True)
    header: list[str] | None = None
    try:
        for fields in reader:
            if not fields:
                continue
            if header is None:
                header = fields
                continue
            if len(fields) != len(header):
                told = f"{len(fields)} fields where the header has {len(header)}; quote a text that holds a comma"
                raise UserError(f"{path}, line {reader.line_num:,}: {told}")
            # an empty field is no text
            values = {name: field or None for name, field in zip(header, fields, strict=True)}
            yield Row(str(path), "line", reader.line_num, values)
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num:,}: not CSV: {error}") from None


def _parquet(path: Path) -> Iterator[Row]:
    if not path.stat().st_size:
        return
    import pyarrow as pa
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=AT_ONCE):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(str(path), "row", number, values)
    except (pa.ArrowException, OSError) as error:
        after = f" after row {number:,}" if number else ""
        told = str(error).strip().partition("\n")[0]
        raise UserError(f"{path}: the Parquet file is broken{after} ({told}): copy or download it again") from None


def _arrow(path: Path) -> Iterator[Row]:
    import datasets

    try:
        found = datasets.Dataset.from_file(str(path))
        yield from dataset_rows(found, str(path))
    except Exception as error:
        if isinstance(error, UserError):
            raise
        # pyarrow and datasets have many kinds for one thing: it is no such file
        told = str(error).strip().partition("\n")[0]
        raise UserError(f"{path}: the Arrow file is broken ({told}): copy or download it again") from None


def dataset_rows(dataset: Any, origin: str) -> Iterator[Row]:  # noqa: ANN401 - datasets is untyped
    """Rows of a data set of the library, whole or streamed."""
    for number, values in enumerate(dataset, start=1):
        yield Row(origin, "row", number, values)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    opener: Callable[[Path], Any] = PACKED.get(path.suffix.lower(), partial(open, mode="rb"))
    with opener(path) as file:
        yield file


def _decoded(data: bytes, origin: str, place: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{origin}{place} is not UTF-8 text (byte {error.start}); convert it first") from None


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".arrow": _arrow,
}
KNOWN = ".txt, .jsonl, .json, .csv, .parquet or .arrow"
