"""What a bug of the catalogue is, what a property is, and the verdict of a property on an implementation."""

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


@dataclass(frozen=True, slots=True)
class Bug:
    """One real bug.

    ``page`` is the module's docstring. ``buggy()`` makes the smallest faithful faulty implementation, ``fixed()``
    returns the code that trains: looked up when called, never a copy. ``attempts`` are documented fixes that
    were none, ``variants`` other forms in which the same fault was met. The bug counts as caught when an
    invariant breaks on ``buggy()``, on every attempt and on every variant, and as absent when every invariant
    holds on ``fixed()``. ``issue`` is the line that the original check printed. ``covers`` are the entries of the
    catalogue of real bugs (`fixtures/bugs.json`) that this one reproduces.
    """

    code: str
    name: str
    page: str
    invariants: tuple[Invariant, ...]
    buggy: Callable[[], Any]
    fixed: Callable[[], Any]
    attempts: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    issue: str | None = None
    variants: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    covers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.strip().splitlines()[0]
