"""Figures of all examples of a run: prepared ones have them on record, those of a list are counted.

For a stream they cover the windows that are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from sad.align.example import Example
from sad.align.reader import Ints
from sad.data.prepared import Prepared
from sad.data.stream import Streamed


def fingerprint(some: Sequence[Example]) -> str:
    """Return a hash of the examples in their order; of prepared ones, of what decided them."""
    if isinstance(some, Prepared | Streamed):
        return some.fingerprint
    digest = hashlib.blake2b(digest_size=16)
    for example in some:
        runs = np.empty(0, np.int64) if example.runs is None else example.runs.reshape(-1)
        for part in (example.student, example.teacher, example.at_student, example.at_teacher, runs):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part.tobytes())
    return digest.hexdigest()


def coverage(some: Sequence[Example]) -> float:
    """Return the share of the student's labels that stand at a common boundary."""
    if isinstance(some, Prepared | Streamed):
        return some.boundaries / max(1, some.labels)
    return sum(len(e.at_student) for e in some) / sum(len(e.labels()[0]) for e in some)


def lengths(some: Sequence[Example]) -> Ints:
    """Return the tokens of each example, of both sides together."""
    if isinstance(some, Prepared | Streamed):
        return some.lengths
    return np.array([len(e.student) + len(e.teacher) for e in some], dtype=np.int64)


def longest_sides(some: Sequence[Example]) -> Ints:
    """Return the tokens of each example on the side that has more."""
    if isinstance(some, Prepared | Streamed):
        return some.longest_side
    return np.array([max(len(e.student), len(e.teacher)) for e in some], dtype=np.int64)
