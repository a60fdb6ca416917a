"""What a rule of sources is: its page, and a look at a file."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from sad.source.code import Code

HERE = "# here"
"""Marks, in the faulty example of a page, the lines that the rule must name."""


class Level(StrEnum):
    """How sure a reading can be."""

    WRONG = "wrong"
    """No use of such a line is right."""
    LOOK = "look"
    """Right in some place; what makes it wrong is not in the file, or not sure."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A place, and what is there, in one sentence that names the remedy."""

    at: ast.AST
    says: str
    level: Level | None = None
    """Where it is less sure than its rule."""


@dataclass(frozen=True, slots=True)
class SourceRule:
    """A thing to look for. ``page`` is the module's docstring, with a faulty and a right example, both run by tests.

    ``bugs`` are the codes of the catalogue (`sad/bugs`) of which such a line is a form.
    """

    code: str
    name: str
    level: Level
    page: str = field(repr=False)
    look: Callable[[Code], Iterable[Sight]]
    bugs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.strip().splitlines()[0]

    def example(self, section: str) -> str:
        """Return the code under ``## Faulty`` or ``## Right`` of the page."""
        found = re.search(rf"^## {section}\n+```python\n(.*?)^```", self.page, re.DOTALL | re.MULTILINE)
        assert found is not None, f"{self.code}: its page has no example under {section}"
        return found[1]
