"""A stream's windows in files, each named by a hash of all that decided it: whoever reads the same finds them again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sad.align.columns import Columns
from sad.align.example import Counts, Readers, Written, text_of
from sad.data import cache
from sad.data.prepared import Prepared, Writer, content
from sad.errors import UserError

FIRST, MOST = 1 << 16, 1 << 22
"""Characters from which a segment ends, of the first and of the largest: the first is there soon, and there are not
too many files."""

ABOUT = b"segment"


@dataclass(frozen=True, slots=True)
class Group:
    """The documents of a segment. ``key`` is a hash of the tokenizers, the length, and every document up to its last;
    ``previous`` that of the segment before it, or nothing.
    """

    key: str
    previous: str
    documents: Sequence[Written]


@dataclass(frozen=True, slots=True)
class Segment:
    """What is known of a segment without reading it. ``first`` windows lie before it; ``content`` is a hash of its own.

    ``labels`` and ``boundaries`` are the student's labels in it and the common boundaries with one.
    """

    key: str
    previous: str
    first: int
    windows: int
    labels: int
    boundaries: int
    counts: Counts
    content: str

    @property
    def stop(self) -> int:
        """The windows up to its end."""
        return self.first + self.windows


def groups(documents: Iterable[Written], readers: Readers, max_length: int) -> Iterator[Group]:
    """Yield the documents of each segment, a function of the documents alone. The last one may be small."""
    digest = cache.begun(readers, max_length)
    some: list[Written] = []
    previous, size, enough = "", 0, FIRST
    for document in documents:
        some.append(document)
        cache.take_in(digest, document)
        size += len(text_of(document))
        if size >= enough:
            yield Group(digest.hexdigest(), previous, some)
            previous, some, size, enough = digest.hexdigest(), [], 0, min(2 * enough, MOST)
    if some:
        yield Group(digest.hexdigest(), previous, some)


def place(folder: Path, key: str) -> Path:
    """Return where a segment lies."""
    return folder / f"{key}.arrow"


def write(folder: Path, of: Group, first: int, parts: Sequence[tuple[Columns, Counts]]) -> Segment:
    """Write a segment under a temporary name, then rename it: it is there whole or not at all. Raises OSError."""
    total = Counts()
    for _, counts in parts:
        total.add(counts)
    made = Segment(
        key=of.key,
        previous=of.previous,
        first=first,
        windows=sum(len(some) for some, _ in parts),
        labels=sum(int(some.labels.sum()) for some, _ in parts),
        boundaries=sum(len(some.values["at_student"]) for some, _ in parts),
        counts=total,
        content=content(some for some, _ in parts),
    )
    with cache.aside(folder, of.key) as hidden:
        writer = Writer(hidden, of.key, {ABOUT: json.dumps(asdict(made)).encode()})
        for some, counts in parts:
            writer.write(some, counts)
        writer.close()
        cache.sync(hidden)
        hidden.replace(place(folder, of.key))
    return made


def read(folder: Path, key: str) -> Segment | None:
    """Return what a segment says of itself; None where there is no whole one. Its content is not looked at."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(place(folder, key))) as mapped:
            told = json.loads(pa.ipc.open_file(mapped).schema.metadata[ABOUT])
        found = Segment(**{**told, "counts": Counts(**told["counts"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.key == key else None


def chain(folder: Path, key: str) -> list[Segment]:
    """Return the segments up to ``key``, in order, and those behind it as far as there is but one way on.

    Nothing where one of them is missing up to it.
    """
    found: list[Segment] = []
    while key:
        one = read(folder, key)
        if one is None:
            return []
        found.append(one)
        key = one.previous
    found.reverse()
    if not found:
        return []
    after: dict[str, list[Segment]] = {}
    for file in folder.glob("*.arrow"):
        if (one := read(folder, file.stem)) is not None:
            after.setdefault(one.previous, []).append(one)
    while len(more := after.get(found[-1].key, [])) == 1 and more[0].first == found[-1].stop:
        found += more
    return found


def opened(folder: Path, of: Segment, name: str) -> Prepared:
    """Return the windows of a segment, read through once. Raises UserError where they are not what was written."""
    file = place(folder, of.key)
    try:
        found = Prepared(file)
        whole = len(found) == of.windows and found.content == of.content
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise UserError(f"{name}: {file} is damaged or gone; remove it, and what is needed is prepared again")
    return found
