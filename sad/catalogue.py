"""The catalogue as text, read from its files: listing, choosing and explaining bugs needs no torch."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol, TypeVar

from sad.errors import UserError


@dataclass(frozen=True, slots=True)
class Entry:
    """A bug as its file tells of it: its page, the names of the properties that catch it, and the entries of the
    catalogue of real bugs that it reproduces.
    """

    code: str
    name: str
    page: str
    invariants: tuple[str, ...]
    covers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.strip().splitlines()[0]


class Named(Protocol):
    """Has a code (V104) and a name (optimizer-never-steps)."""

    @property
    def code(self) -> str:
        """The code."""

    @property
    def name(self) -> str:
        """The name."""


AnyNamed = TypeVar("AnyNamed", bound=Named)

LISTS = "sad verify --list, docs/doctor.md, docs/sources.md and docs/recipe.md"
"""Where all bugs, all red flags and all keys of the recipe are."""
CORE = "V1"
"""How the codes of the core begin."""


@cache
def entries() -> tuple[Entry, ...]:
    """Return every bug, by code."""
    return tuple(sorted((_entry(tree) for _, tree in _trees("bugs")), key=lambda entry: entry.code))


@cache
def properties() -> dict[str, str]:
    """Return the page of every property by its name."""
    return {name: ast.get_docstring(tree) or "" for name, tree in _trees("invariants")}


@cache
def numbers() -> dict[str, str]:
    """Return the number (I06) of every property by its name: which of the twenty of `fixtures/bugs.json` it states.

    Two files may bear one number: one property, asked of two kinds of code.
    """
    return {name: ast.literal_eval(_assigned(tree, "ID")) for name, tree in _trees("invariants")}


def chosen(every: Sequence[AnyNamed], wanted: Iterable[str]) -> tuple[AnyNamed, ...]:
    """Return those whose code starts with one of ``wanted``, or whose name is one; all if nothing is wanted.

    Raises UserError naming what fits none, and what is near.
    """
    wanted = [word.strip() for word in wanted]
    for word in wanted:
        if not any(_fits(one, word) for one in every):
            raise UserError(f"no bug {word!r}; {near(word, every)}")
    return tuple(one for one in every if not wanted or any(_fits(one, word) for word in wanted))


def core(every: Sequence[AnyNamed]) -> tuple[AnyNamed, ...]:
    """Return the bugs that `sad verify` judges when it is told nothing."""
    return tuple(one for one in every if one.code.startswith(CORE))


def near(word: str, every: Iterable[Named]) -> str:
    """Say which are nearest, by code and name, to a word that is neither."""
    every = list(every)
    names = {one.code: one.name for one in every}
    # a bug and the red flag that sees it may have one name
    found = difflib.get_close_matches(word.lower(), {one.name for one in every}, n=12, cutoff=0.6)
    codes = [one.code for name in found for one in every if one.name == name]
    if not codes and len(word) == len(min(names, default="")):
        # of codes all are alike: near is one with a single other character, of the same hundred first
        slips = [code for code in names if sum(a != b for a, b in zip(code, word.upper(), strict=True)) == 1]
        codes = sorted(slips, key=lambda code: code[:2] != word[:2].upper())
    codes = codes[:3]
    if codes:
        return f"did you mean {' or '.join(f'{code} {names[code]}' for code in codes)}?"
    return f"{LISTS} show them all"


def _fits(one: Named, word: str) -> bool:
    return bool(word) and (one.name == word.lower() or one.code.startswith(word.upper()))


def _trees(folder: str) -> Iterator[tuple[str, ast.Module]]:
    found = {path.name: path for path in files("sad").joinpath(folder).iterdir()}
    for name in sorted(found):
        if name.endswith(".py") and not name.startswith("_"):
            yield name.removesuffix(".py"), ast.parse(found[name].read_text(encoding="utf-8"))


def _assigned(tree: ast.Module, name: str) -> ast.expr:
    """The value that a file gives to a name of its own."""
    return next(s.value for s in tree.body if isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == name)


def _entry(tree: ast.Module) -> Entry:
    """Read the page and the first arguments of ``BUG = Bug(code, name, page, invariants, …)``."""
    call = _assigned(tree, "BUG")
    assert isinstance(call, ast.Call), "a bug's file ends with BUG = Bug(…)"
    code, name, _, invariants = call.args[:4]
    assert isinstance(invariants, ast.Tuple), "the invariants of a bug are written as a tuple"
    of = tuple(ast.unparse(one) for one in invariants.elts)
    covers = next((ast.literal_eval(more.value) for more in call.keywords if more.arg == "covers"), ())
    return Entry(ast.literal_eval(code), ast.literal_eval(name), ast.get_docstring(tree) or "", of, covers)
