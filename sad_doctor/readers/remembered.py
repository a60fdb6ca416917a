"""A memory for what a name means: a log repeats its names in every row."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

LONGEST = 300
"""Characters up to which a name is remembered: a key from a stranger may be of megabytes."""


def remembered(meaning: Callable[[str], T]) -> Callable[[str], T]:
    """Return ``meaning``, which must depend on the name alone, with a memory of the last 4,096 names."""
    known = lru_cache(maxsize=4096)(meaning)

    @wraps(meaning)
    def of(name: str) -> T:
        return known(name) if len(name) <= LONGEST else meaning(name)

    return of
