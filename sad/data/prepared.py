"""Prepared examples in an Arrow file that is memory-mapped: nothing is loaded before it is used."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from sad.align.columns import LISTS, Columns, Whole
from sad.align.example import Counts, Example
from sad.align.reader import Ints

COUNTS, KEY = b"counts", b"key"
WORTH_TELLING = 0.02
"""Share of the text that may be left out without a note."""


class Writer:
    """Writes columns to a file, or with None to memory. A file without its end is no Arrow file, so half a file is
    never read.

    ``about`` is what else the file says of itself.
    """

    def __init__(self, path: Path | None, key: str, about: Mapping[bytes, bytes] | None = None) -> None:
        import pyarrow as pa

        ints = pa.int32()
        fields = [*(pa.field(name, pa.list_(ints)) for name in LISTS), *((n, ints) for n in ("bytes", "labels"))]
        self._sink: Any = pa.BufferOutputStream() if path is None else pa.OSFile(str(path), "wb")
        self._schema = pa.schema(fields, metadata={**(about or {}), KEY: key.encode()})
        self._writer = pa.ipc.new_file(self._sink, self._schema)

    def write(self, some: Columns, counts: Counts) -> None:
        """Write the examples of some documents, and what became of their text."""
        import pyarrow as pa

        def column(of: Whole) -> Any:  # noqa: ANN401
            return pa.Array.from_buffers(pa.int32(), len(of), [None, pa.py_buffer(of)])

        lists = [pa.ListArray.from_arrays(column(some.offsets[n]), column(some.values[n])) for n in LISTS]
        arrays = [*lists, column(some.bytes), column(some.labels)]
        batch = pa.record_batch(arrays, schema=self._schema)
        self._writer.write_batch(batch, custom_metadata={COUNTS: json.dumps(asdict(counts)).encode()})

    def close(self) -> Any:  # noqa: ANN401 - a buffer of pyarrow, or nothing
        """End the file; return what was written where it was written to memory."""
        self._writer.close()
        if not hasattr(self._sink, "getvalue"):
            return self._sink.close()
        return self._sink.getvalue()


class Windows(Sequence[Example]):
    """Examples that are made when they are asked for. Raises IndexError for one that is not there."""

    @overload
    def __getitem__(self, at: int) -> Example: ...
    @overload
    def __getitem__(self, at: slice) -> list[Example]: ...
    def __getitem__(self, at: int | slice) -> Example | list[Example]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        number = int(at) + len(self) * (at < 0)
        if not 0 <= number < len(self):
            raise IndexError(f"window {at} of {len(self)}")
        return self._window(number)

    @abstractmethod
    def _window(self, number: int) -> Example:
        """Return the example of a number that is there."""


class Prepared(Windows):
    """The examples of a text, in its order.

    ``fingerprint`` is that of everything that decided them: other text, tokenizers, length or ranges give another.
    ``told`` says in a few words where they come from. Raises OSError or ValueError for what is no whole file.
    """

    def __init__(self, source: Path | Any, told: str = "", limit: int | None = None) -> None:  # noqa: ANN401
        import pyarrow as pa

        mapped = pa.memory_map(str(source)) if isinstance(source, Path) else source
        self._file = pa.ipc.open_file(mapped)
        self.fingerprint: str = self._file.schema.metadata[KEY].decode()
        self.told = told
        self.counts = Counts()
        sizes = []
        for number in range(self._file.num_record_batches):
            batch, about = self._file.get_batch_with_custom_metadata(number)
            self.counts.add(Counts(**json.loads(about[COUNTS])))
            sizes.append(batch.num_rows)
        self._starts = np.array([0, *accumulate(sizes)], dtype=np.int64)
        self._size = int(self._starts[-1]) if limit is None else min(limit, int(self._starts[-1]))
        self._known: dict[int, Columns] = {}

    def __len__(self) -> int:
        return self._size

    def _window(self, number: int) -> Example:
        part = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self._columns(part).example(number - int(self._starts[part]))

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    @property
    def left_out(self) -> list[str]:
        """What of the text is in no example, a line each, where it is more than the ends of a few texts."""
        return left_out(self.counts)

    @cached_property
    def lengths(self) -> Ints:
        """Tokens of each example, of both sides together."""
        return self._each(lambda c: np.diff(c.offsets["student"]) + np.diff(c.offsets["teacher"]))

    @cached_property
    def longest_side(self) -> Ints:
        """Tokens of each example on the side that has more."""
        return self._each(lambda c: np.maximum(np.diff(c.offsets["student"]), np.diff(c.offsets["teacher"])))

    @cached_property
    def labels(self) -> int:
        """The student's labels in all examples."""
        return int(self._each(lambda c: c.labels).sum())

    @cached_property
    def boundaries(self) -> int:
        """The common boundaries with a label in all examples."""
        return int(self._each(lambda c: np.diff(c.offsets["at_student"])).sum())

    @cached_property
    def content(self) -> str:
        """A hash of the examples themselves. Reads all of them."""
        return content(self._columns(i) for i in range(len(self._starts) - 1))

    def _each(self, measure: Any) -> Ints:  # noqa: ANN401 - a function of columns
        parts: list[NDArray[Any]] = [measure(self._columns(i)) for i in range(len(self._starts) - 1)]
        return np.concatenate([np.empty(0, np.int64), *parts])[: len(self)].astype(np.int64)

    def _columns(self, part: int) -> Columns:
        """The arrays of a part of the file: views of the mapped memory."""
        if part not in self._known:
            batch = self._file.get_batch(part)
            lists = {name: batch.column(name) for name in LISTS}
            flat = [_numbers(batch.column(name)) for name in ("bytes", "labels")]
            self._known[part] = Columns(
                {name: _numbers(of.values) for name, of in lists.items()},
                {name: _numbers(of.offsets) for name, of in lists.items()},
                *flat,
            )
        return self._known[part]


def left_out(counts: Counts) -> list[str]:
    """What of a text is in no example, a line each, where it is more than the ends of a few texts."""
    lines, c = [], counts
    if c.unlabelled_windows:
        lines.append(f"{c.unlabelled_windows:,} windows hold nothing to be learned and are left out")
    if (share := 1 - (c.kept + c.unlabelled) / max(1, c.bytes)) > WORTH_TELLING:
        lines.append(f"{share:.0%} of the text is in no window: its tokens cannot be compared, or stand alone")
    return lines


def content(parts: Iterable[Columns]) -> str:
    """Return a hash of examples, part by part: the same examples in other parts have another."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        for name in LISTS:
            digest.update(part.offsets[name].tobytes())
            digest.update(part.values[name].tobytes())
        digest.update(part.bytes.tobytes())
        digest.update(part.labels.tobytes())
    return digest.hexdigest()


def _numbers(of: Any) -> Whole:  # noqa: ANN401 - an array of pyarrow
    """The numbers of an array as they lie in memory: to convert one, either way, pyarrow imports all of pandas."""
    assert not of.offset, "a part is read whole"
    return np.frombuffer(of.buffers()[1] or b"", np.int32, len(of))
