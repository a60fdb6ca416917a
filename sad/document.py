"""A document: a text, and the part of it that the student is to learn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A text, read whole by both models; the tokens of ``learned`` are its labels.

    ``learned`` holds half-open ranges of the text's UTF-8 bytes, in order, apart from one another, none of them empty;
    None means the whole text. Raises ValueError where they are anything else.
    """

    text: str
    learned: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.learned is None:
            return
        edges = [0, *(edge for one in self.learned for edge in one), len(self.text.encode("utf-8", "surrogatepass"))]
        rising = all(a <= b for a, b in itertools.pairwise(edges))
        if not rising or any(start == stop for start, stop in self.learned):
            raise ValueError(f"these are no ranges of a text of {edges[-1]} bytes: {self.learned}")
