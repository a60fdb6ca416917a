"""Writes a cache, file by file. Each file appears complete or not at all, so that a stopped writer can continue."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from sad.cache import manifest
from sad.cache.key import Key, differences, refuse
from sad.cache.layout import EXACT, Layout
from sad.cache.lists import listed
from sad.cache.manifest import Manifest
from sad.cache.part import HELD_OUT, TRAIN, Part, Shard, offsets_of
from sad.data import Example, Readers, collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import Likelihood, likelihood
from sad.head.linear import head_of
from sad.head.target import Live
from sad.models.forward import run
from sad.terms import teacher_output

TEMPORARY = ".*.tmp"
"""What a writer that was killed may leave behind."""
DEFAULT_K, DEFAULT_BITS = 32, 12
HELD_OUT_K, HELD_OUT_BITS, SMALL = 512, 16, 1024
"""Of held-out text at the least: it is short, and what is measured on it should be near to the whole distribution. Of
a vocabulary up to ``SMALL`` it is the whole.
"""


class Answers(Protocol):
    """Who answers for the teacher, on which examples, so many at a time."""

    @property
    def examples(self) -> Mapping[str, Sequence[Example]]:
        """The examples of each part."""

    @property
    def batch_size(self) -> int:
        """How many are asked for at a time."""

    def records(self, part: Part, some: Sequence[Example]) -> np.ndarray:
        """Return the records of some examples, one behind the other."""

    def likelihood(self) -> Likelihood:
        """Return the teacher's likelihood of the held-out text."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Who answers, and on which examples; ``context`` is what the teacher runs in (autocast)."""

    distiller: Distiller
    readers: Readers
    examples: Mapping[str, Sequence[Example]]
    batch_size: int
    context: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext

    @torch.no_grad()
    def records(self, part: Part, some: Sequence[Example]) -> np.ndarray:
        """Ask the teacher; return the records of some examples, one behind the other."""
        layout, teacher = part.layout, self.distiller.teacher
        batch = collate(some, self.readers).to(next(teacher.parameters()).device)
        with self.context():
            read = run(teacher, batch.teacher, layout.blocks)
            found = teacher_output(batch, read, head_of(teacher), self.distiller.vocab)
        assert isinstance(found.target, Live), "the teacher itself"
        return layout.encode(listed(found.target, layout.lists, mass=layout.mass), found.blocks)

    def likelihood(self) -> Likelihood:
        """The teacher's likelihood of the held-out text, from all of its distribution."""
        some, size = self.examples[HELD_OUT], self.batch_size
        with self.context():
            batches = (collate(some[start : start + size], self.readers) for start in range(0, len(some), size))
            return likelihood(self.distiller, batches)


@dataclass(slots=True)
class Written:
    """How far a writer is; ``tell`` is called whenever that changes."""

    total: int
    rows: int = 0
    kept: int = 0
    tell: Callable[[Written], object] = field(default=lambda _: None)

    def took(self, rows: int, *, kept: bool = False) -> None:
        """Some boundaries are done; ``kept`` ones were there already."""
        self.rows += rows
        self.kept += rows if kept else 0
        self.tell(self)


def plan_parts(
    examples: Mapping[str, Sequence[Example]],
    vocabulary: int,
    temperature: float,
    *,
    k: int | None = None,
    bits: int | None = None,
    blocks: Sequence[int],
    width: int,
    shard_rows: int,
) -> dict[str, Part]:
    """Return the parts of a cache: one list at ``temperature`` for training; for held-out text a longer one, one more
    at temperature 1, at which scores are measured, and the mapped share of the teacher's mass.
    """
    k, bits = min(k or DEFAULT_K, vocabulary), bits or DEFAULT_BITS
    more = vocabulary if vocabulary <= SMALL else max(k, HELD_OUT_K)
    heats = list(dict.fromkeys((temperature, 1.0)))
    fine = EXACT if bits == EXACT else max(bits, HELD_OUT_BITS)
    chosen = tuple(sorted(set(blocks)))
    layouts = {
        TRAIN: Layout(vocabulary, bits, ((temperature, k),), False, chosen, width),
        HELD_OUT: Layout(vocabulary, fine, tuple((heat, more) for heat in heats), True, chosen, width),
    }
    return {name: Part(name, layouts[name], offsets_of(of), shard_rows) for name, of in examples.items()}


def write(folder: Path, key: Key, parts: Mapping[str, Part], source: Answers, done: Written) -> Manifest:
    """Write what is not there yet, then the manifest. Every byte depends on the key, the parts and the source alone.

    Raises UserError where the folder holds a cache of something else, or the disk is full.
    """
    begun = Manifest(key, parts, {})
    _take_up(folder, begun)
    hashes: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        manifest.save(folder / manifest.PARTIAL, begun.text().encode())
        for left in folder.glob(TEMPORARY):
            # of a writer that was killed
            left.unlink(missing_ok=True)
        for part in parts.values():
            manifest.save_offsets(folder, part)
            for shard in part.shards():
                file = folder / shard.name
                if not file.is_file() or file.stat().st_size != part.bytes_of(shard):
                    manifest.save(file, _shard(part, shard, source, done).tobytes())
                else:
                    done.took(int(part.offsets[shard.stop] - part.offsets[shard.first]), kept=True)
                hashes[shard.name] = _hash(file)
        whole = Manifest(key, parts, {"teacher": asdict(source.likelihood()), "hashes": hashes})
        manifest.save(folder / manifest.WHOLE, whole.text().encode())
        (folder / manifest.PARTIAL).unlink()
    except OSError as error:
        told = f"the cache cannot be written: {error.filename or folder} {error.strerror or error}"
        raise UserError(f"{told}; make room, then run the same command: it goes on from the last whole file") from None
    return whole


def check_hashes(folder: Path, of: Manifest) -> None:
    """Read a whole cache. Raises UserError for a file that is not what was written."""
    for name, wanted in of.more["hashes"].items():
        file = folder / name
        if not file.is_file() or _hash(file) != wanted:
            raise UserError(
                f"the cache is damaged: {file} is not what was written; remove it and {manifest.WHOLE}, then "
                "write it again with: sad cache"
            )


def _take_up(folder: Path, begun: Manifest) -> None:
    """Raise UserError where the folder holds another cache, or something that is none."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: name a folder for the cache")
    file = folder / manifest.PARTIAL
    if file.is_file():
        text = file.read_text(encoding="utf-8")
        if text != begun.text():
            told = differences(_key(text), begun.key) or ["cache.k, cache.bits, cache.states or cache.shard is another"]
            refuse(folder, told, "remove the folder, or name another one with --cache")
    elif (folder / manifest.WHOLE).is_file():
        raise UserError(f"{folder} holds a whole cache already: name another folder with --cache")
    elif any(not left.match(TEMPORARY) for left in folder.iterdir()):
        raise UserError(f"{folder} is not empty, and holds no cache: name another folder with --cache")


def _key(text: str) -> dict[str, Any]:
    import json

    try:
        key: dict[str, Any] = json.loads(text)["key"]
    except (ValueError, LookupError):
        return {}
    return key


def _shard(part: Part, shard: Shard, source: Answers, done: Written) -> np.ndarray:
    """Return the records of a shard. Examples of like length go together, so that little is padded."""
    base = int(part.offsets[shard.first])
    made = np.empty((int(part.offsets[shard.stop]) - base, part.layout.size), dtype=np.uint8)
    every = source.examples[part.name]
    order = sorted(range(shard.first, shard.stop), key=lambda number: (len(every[number].teacher), number))
    for start in range(0, len(order), source.batch_size):
        numbers = order[start : start + source.batch_size]
        records, at = source.records(part, [every[number] for number in numbers]), 0
        for number in numbers:
            first, stop = (int(offset) - base for offset in part.offsets[number : number + 2])
            made[first:stop] = records[at : at + stop - first]
            at += stop - first
        done.took(len(records))
    return made


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
