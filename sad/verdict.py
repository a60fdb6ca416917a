"""What a property is, and its verdict on an implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Standing(StrEnum):
    """How an implementation stands to a property."""

    HOLDS = "holds"
    BROKEN = "broken"
    ALLOWED = "allowed"
    """What it does is one of several things that its contract leaves open."""
    NOT_APPLICABLE = "not applicable"
    """It takes nothing that the property speaks of."""


class Cause(StrEnum):
    """What broke a property, where it is something that someone may have left to the caller."""

    RULED_OUT = "a finite value that is another, with a token that is ruled out"
    LARGE_VOCABULARY = "another value over tens of thousands of tokens, ``ratio`` times the right one"
    MODES = "the modes of a model are another afterwards"
    GRAPH = "a graph is recorded though nobody goes back through it"
    UNEVEN = "right for texts of one length only"
    FLOAT16 = "logits so large that float16 overflows; float32 and bfloat16 are finite"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an invariant found on one implementation: whether it holds, and the number that says so, in a few words.

    ``standing`` is told apart only where someone else's code is judged; ``example`` is the smallest input found that
    shows a fault, in words; ``cause`` names a fault that someone else's code may be excused for.
    """

    holds: bool
    says: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    standing: Standing = Standing.HOLDS
    example: str = ""
    cause: Cause | None = None

    def __post_init__(self) -> None:
        if not self.holds:
            object.__setattr__(self, "standing", Standing.BROKEN)


Invariant = Callable[[Any], Verdict]
"""Takes an implementation (which interface: see the invariant's page) and judges it. Never raises on a fault."""
