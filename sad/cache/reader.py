"""Reads a cache: the teacher's output on a batch, looked up by the numbers of its examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sad.batch import Batch
from sad.cache import manifest
from sad.cache.key import differences, refuse
from sad.cache.manifest import Manifest
from sad.cache.part import HELD_OUT, TRAIN, Records, check_shard
from sad.errors import UserError
from sad.evaluate import Likelihood
from sad.terms import TeacherOutput


@dataclass(frozen=True, slots=True, eq=False)
class Cache:
    """A whole cache on disk. Held-out examples are numbered on from the training examples."""

    folder: Path
    manifest: Manifest
    teacher: Likelihood
    """Of the held-out text, measured on the whole distribution when the cache was written."""
    records: Mapping[str, Records] = field(default_factory=dict)

    @property
    def first_held_out(self) -> int:
        """The number of the first held-out example."""
        return len(self.records[TRAIN].part.offsets) - 1

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Raise UserError where the cache is of something else than what ``wanted`` names, a key without ``layers``."""
        advice = "put back what it was written from, or write another with: sad cache --cache FOLDER"
        refuse(self.folder, differences(self.manifest.key, wanted), advice)

    def check_layers(self, layers: set[int]) -> None:
        """Raise UserError where it has not the states of all these blocks."""
        if missing := sorted(layers - set(self.records[TRAIN].part.layout.blocks)):
            told = f"it has no states of block {', '.join(map(str, missing))} of the teacher, which a term asks for"
            refuse(self.folder, [told], "write another: sad cache --states --cache FOLDER, or give the term weight 0")

    def teacher_output(self, batch: Batch) -> TeacherOutput:
        """Return what the teacher said on the examples of a batch, at its common boundaries, on its device.

        Raises ValueError where the batch does not say which examples it has, or they are others.
        """
        shift = self.first_held_out
        held_out = {number >= shift for number in batch.numbers}
        if len(held_out) > 1:
            raise ValueError("training and held-out examples in one batch")
        records = self.records[HELD_OUT if True in held_out else TRAIN]
        found = records.of([number - shift if number >= shift else number for number in batch.numbers])
        if len(found) != len(batch.boundaries):
            raise ValueError(
                f"the cache has {len(found)} boundaries for a batch of {len(batch.boundaries)}: remove the folder and "
                "write it again"
            )
        stored, blocks = records.part.layout.decode(found, batch.boundaries.row.device)
        return TeacherOutput(stored, blocks)

    def told(self) -> str:
        """What it is, in one line."""
        part, held_out = self.records[TRAIN].part, self.records[HELD_OUT].part
        k, known = part.layout.lists[0][1], held_out.layout.lists[0][1]
        whole = known == part.layout.vocabulary
        measured = (
            "" if whole else f"; held-out KL over the {known} likeliest tokens and the rest: at most the true one"
        )
        return f"teacher from {self.folder}: {k} tokens and the rest, {part.layout.size} bytes a boundary{measured}"


def open_cache(path: str) -> Cache:
    """Open a cache and look at its files. Raises UserError for one that is not there, not whole, or damaged."""
    folder = Path(path).expanduser()
    found = manifest.read(folder)
    try:
        known = Likelihood(*(found.more["teacher"][name] for name in ("nats", "tokens", "bytes")))
        records = {name: Records(folder, found.parts[name]) for name in (TRAIN, HELD_OUT)}
    except (LookupError, TypeError) as error:
        raise UserError(f"{folder / manifest.WHOLE} lacks {error}: remove the folder and write it again") from None
    for each in records.values():
        for shard in each.part.shards():
            check_shard(folder / shard.name, each.part, shard)
    return Cache(folder, found, known, records)
