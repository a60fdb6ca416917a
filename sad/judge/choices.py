"""A word that code asks for by name and must be given: the first of those that it compares it with."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator


def chosen(text: str, name: str) -> str | None:
    """Return the first word of a chain of ``if name == "word"`` that has several and no ``else``; None for no such.

    Code that goes on behind such a chain was given one of its words.
    """
    try:
        every = list(ast.walk(ast.parse(textwrap.dedent(text))))
    except (SyntaxError, ValueError):
        return None
    chains = [found for one in every if isinstance(one, ast.If) and (found := list(_words(one, name)))]
    whole = max(chains, key=len, default=[])
    return whole[0] if len(whole) > 1 and whole[-1] is not None else None


def _words(one: ast.If, name: str) -> Iterator[str | None]:
    """Go through the words of a chain; the last is None where it says what is done for another."""
    test = one.test
    if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name) or test.left.id != name:
        return
    right = test.comparators[0]
    if not isinstance(test.ops[0], ast.Eq) or not isinstance(right, ast.Constant) or not isinstance(right.value, str):
        return
    yield right.value
    if len(one.orelse) == 1 and isinstance(one.orelse[0], ast.If):
        following = list(_words(one.orelse[0], name))
        yield from following or [None]
    elif one.orelse:
        yield None
