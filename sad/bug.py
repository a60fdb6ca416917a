"""What a bug of the catalogue is: its page, faulty code, the code that trains, the properties that tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sad.verdict import Invariant


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
