"""A part of a cache, training or held-out examples: which records belong to which example, and in which file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from sad.cache.layout import Layout
from sad.data import Example
from sad.errors import UserError

TRAIN, HELD_OUT = "train", "held-out"
OPEN = 64
"""Files that are mapped at a time."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of records: those of examples ``first`` to ``stop``, without the last."""

    name: str
    first: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Records of examples in their order. ``offsets[i]`` is the first record of example ``i``; the last one ends all.

    Shards are cut between examples, wherever another ``shard_rows`` records are full: by the offsets alone.
    """

    name: str
    layout: Layout
    offsets: Int64[ndarray, " examples_and_1"]
    shard_rows: int

    @property
    def rows(self) -> int:
        """Records."""
        return int(self.offsets[-1])

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return self.rows * self.layout.size

    def number(self, example: int) -> int:
        """Return the number of the shard of an example."""
        return int(self.offsets[example]) // self.shard_rows

    def shards(self) -> Iterator[Shard]:
        """Yield the shards that hold an example, in order."""
        numbers = self.offsets[:-1] // self.shard_rows
        firsts = np.unique(numbers, return_index=True)[1]
        for first, stop in zip(firsts, [*firsts[1:], len(numbers)], strict=True):
            yield Shard(self.file(int(numbers[first])), int(first), int(stop))

    def file(self, number: int) -> str:
        """Return the name of a shard's file."""
        return f"{self.name}-{number:05d}.rows"

    def bytes_of(self, shard: Shard) -> int:
        """Return how long the file of a shard is."""
        return int(self.offsets[shard.stop] - self.offsets[shard.first]) * self.layout.size


def offsets_of(examples: Sequence[Example]) -> Int64[ndarray, " examples_and_1"]:
    """Return where the records of each example begin: one for each of its common boundaries."""
    counts = (len(example.at_student) for example in examples)
    return np.concatenate([[0], np.cumsum(np.fromiter(counts, np.int64, len(examples)))]).astype(np.int64)


class Records:
    """The records of a part on disk, memory-mapped, by the number of the example."""

    def __init__(self, folder: Path, part: Part) -> None:
        self.part = part
        self._firsts = {part.number(shard.first): shard for shard in part.shards()}

        @lru_cache(maxsize=OPEN)
        def mapped(number: int) -> np.ndarray:
            return _map(folder / part.file(number), part, self._firsts[number])

        self._mapped = mapped

    def of(self, examples: Sequence[int]) -> UInt8[ndarray, "n size"]:
        """Return the records of some examples, one behind the other, in the order asked for.

        Raises UserError for a file that is gone or cut off.
        """
        found = [np.empty((0, self.part.layout.size), dtype=np.uint8)]
        for example in examples:
            number, offsets = self.part.number(example), self.part.offsets
            base = int(offsets[self._firsts[number].first])
            found.append(self._mapped(number)[int(offsets[example]) - base : int(offsets[example + 1]) - base])
        return np.concatenate(found)


def check_shard(file: Path, part: Part, shard: Shard) -> None:
    """Raise UserError where a shard's file is not there, or not as long as it should be."""
    size = file.stat().st_size if file.is_file() else None
    if size != part.bytes_of(shard):
        told = "is gone" if size is None else f"has {size:,} bytes instead of {part.bytes_of(shard):,}"
        raise UserError(f"the cache is damaged: {file} {told}; remove the folder and write it again with: sad cache")


def _map(file: Path, part: Part, shard: Shard) -> np.ndarray:
    check_shard(file, part, shard)
    # an empty file cannot be mapped
    content = np.memmap(file, dtype=np.uint8, mode="r") if part.bytes_of(shard) else np.empty(0, dtype=np.uint8)
    return content.reshape(-1, part.layout.size)
