"""Rows of one file, as they come: plain text, JSON, JSON lines, CSV, Parquet, Arrow; text may be compressed."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import psutil  # type: ignore[import-untyped]

from sad.errors import UserError
from sad.text.parquet import at_once

DOCUMENT = 4000
"""Characters after which a plain text file is cut, at the next empty line, into documents of its own."""
FIELD = 2**31 - 1
"""Characters of the longest CSV field."""
LINE = 256 << 20
"""Bytes of the longest line."""
UNPACKED, TIMES = 256 << 20, 200
"""What a packed file may unpack to: so many bytes, or so many times its size. Text packs to a tenth."""
PIECE = 1 << 16
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
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a regular file: save the text to a file first")
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
        raise UserError(f"cannot read {path}: {error.strerror or error}; name a file that can be read") from None


def _plain(path: Path) -> Iterator[Row]:
    data = _whole(path)
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
        beginning = islice((line for line in _lines(file, path) if line.strip()), 2)
        first, *more = [*(line.removeprefix(b"\xef\xbb\xbf") for line in beginning), b""]
    if not first or (len(more) > 1 and not first.lstrip().startswith(b"[") and _is_json(first)):
        yield from _json_lines(path)
        return
    text = _decoded(_whole(path), str(path), "").removeprefix("\ufeff")
    try:
        found = json.loads(text, parse_constant=_none)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(f"{path}{line}: not JSON: {_trouble(error)}; mend it, or give another file") from None
    if isinstance(found, dict):
        lists = [v for v in found.values() if isinstance(v, list)]
        found = lists[0] if len(lists) == 1 and len(found) == 1 else [found]
    for number, one in enumerate(found if isinstance(found, list) else [found], start=1):
        yield Row(str(path), "row", number, _an_object(one, f"{path}, row {number}"))


def _json_lines(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        for number, line in enumerate(_lines(file, path), start=1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not line.strip():
                continue
            text = _decoded(line, str(path), f", line {number:,}")
            try:
                found = json.loads(text, parse_constant=_none)
            except (ValueError, RecursionError) as error:
                told = _trouble(error)
                raise UserError(f"{path}, line {number:,}: not JSON: {told}; mend the line or delete it") from None
            yield Row(str(path), "line", number, _an_object(found, f"{path}, line {number:,}"))


def _trouble(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else "a number with more digits than can be read"


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
            for number, line in enumerate(_lines(file, path), start=1):
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
            # an empty field is no text; a line end inside of one is the file's, not the text's
            values = {name: field.replace("\r\n", "\n") or None for name, field in zip(header, fields, strict=True)}
            yield Row(str(path), "line", reader.line_num, values)
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num:,}: not CSV: {error}; mend the line or delete it") from None


def _parquet(path: Path) -> Iterator[Row]:
    if not path.stat().st_size:
        return
    import pyarrow as pa
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                size = at_once(path, file.metadata, group)
                for batch in file.iter_batches(size, [group]):
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
    opener = PACKED.get(path.suffix.lower())
    if opener is None:
        with path.open("rb") as file:
            yield file
        return
    with opener(path) as packed, io.BufferedReader(_Counted(packed, path), PIECE) as whole:
        yield whole


class _Counted(io.RawIOBase):
    """What comes out of a packed file, up to a bound: a few bytes of one can unpack to more than any disk holds."""

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        self._packed, self._path = packed, path
        self._left = max(UNPACKED, TIMES * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:  # noqa: ANN401 - a buffer
        found = self._packed.read(len(into))
        self._left -= len(found)
        if self._left < 0:
            raise UserError(
                f"{self._path} unpacks to more than {TIMES} times its size: if it is right, unpack it first"
            )
        into[: len(found)] = found
        return len(found)


def _whole(path: Path) -> bytes:
    """All bytes of a file. Raises UserError for one that the memory cannot hold."""
    size, room = path.stat().st_size, psutil.virtual_memory().available
    if size > room:
        raise UserError(f"{path} has {size:,} bytes, and {room:,} are free in memory: give it as .jsonl, or in parts")
    with _opened(path) as file:
        return file.read()


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    while line := file.readline(LINE + 1):
        if len(line) > LINE:
            raise UserError(
                f"{path} has a line of more than {LINE >> 20} MiB: it is no {kind(path)} file of texts; name another"
            )
        yield line


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
