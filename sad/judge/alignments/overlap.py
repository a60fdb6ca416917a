"""Alignments by overlap: which tokens of the teacher share characters with each token of the student.

That is a relation of many to many, right for features that are pooled over it; its pairs do not end at one byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sad.align.reader import Reader
from sad.judge.alignments.call import Call, Reading
from sad.judge.alignments.pairs import Aligned

SAYS = "it relates the tokens that overlap, many to many: pool over them, and compare one by one only what ends alike"


def by_overlap(call: Call, texts: Sequence[str], readers: Sequence[Reader]) -> bool:
    """Whether in these texts it relates nothing that does not overlap, and every token of the student, some tokens
    to several.
    """
    several = False
    for text in texts:
        found, mine, theirs = call(text, *readers)
        related = _related(found)
        if related is None or not all(_share(mine, theirs, pair) for pair in related):
            return False
        if {s for s, _ in related} != {s for s, (a, b) in enumerate(mine.offsets) if a < b}:
            return False
        several = several or any(max(Counter(pair[side] for pair in related).values()) > 1 for side in (0, 1))
    return several


def _related(found: Aligned) -> set[tuple[int, int]] | None:
    """The pairs of tokens; None where a group has several of the student."""
    if found.groups is None:
        return set(found.pairs)
    if any(len(mine) != 1 for mine, _ in found.groups):
        return None
    return {(mine[0], one) for mine, theirs in found.groups for one in theirs}


def _share(mine: Reading, theirs: Reading, pair: tuple[int, int]) -> bool:
    (a, b), (c, d) = mine.offsets[pair[0]], theirs.offsets[pair[1]]
    return max(a, c) < min(b, d)
