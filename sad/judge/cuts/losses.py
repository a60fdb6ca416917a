"""The parts of a loss that can be called where all of it cannot: from the logits on, to the loss or to a term of it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

from sad.judge.cuts.piece import Piece, lines_of, made, parameters
from sad.judge.cuts.sides import sides_of
from sad.judge.cuts.slices import sliced
from sad.judge.cuts.things import Things
from sad.judge.cuts.ways import COMPARES, End, Function, ends, node_of, way_to
from sad.source.code import Code

MOST = 6
"""Parts of one function that are tried."""


def parts_of(target: Any, owner: type | None) -> Iterator[tuple[Piece, type | None]]:  # noqa: ANN401 - what was named
    """Yield the parts of a function, or of the methods of a class, the likeliest first; each with its class."""
    if isinstance(target, type):
        every = [one for one in vars(target).values() if isinstance(one, FunctionType) and one.__name__ != "__init__"]
        for one in sorted(every, key=lambda one: one.__name__ not in ("forward", "compute_loss", "__call__")):
            yield from parts_of(one, target)
        return
    function = inspect.unwrap(getattr(target, "__func__", target))
    if not isinstance(function, FunctionType):
        return
    code, node, _ = node_of(function)
    if code is None:
        return
    within = [one for one in ast.walk(node) if isinstance(one, ast.FunctionDef) and one is not node] if node else []
    for of in (node, *within) if node is not None else ():
        yield from ((piece, owner) for piece in _parts(code, of, function, owner))


def _parts(code: Code, node: Function, function: FunctionType, owner: type | None) -> Iterator[Piece]:
    space, own = function.__globals__, frozenset(_methods(owner))
    inside = frozenset(one.name for one in ast.walk(node) if isinstance(one, ast.FunctionDef) and one is not node)
    seen: set[str] = set()
    for piece in (
        piece
        for end in ends(node)[:MOST]
        for methods in (own, frozenset[str]())
        for piece in _part(code, node, end, Things(code, space, methods, inside), space)
    ):
        text = inspect.getsource(piece.function)
        if text not in seen:
            seen.add(text)
            yield piece


def _part(code: Code, node: Function, end: End, things: Things, space: dict[str, Any]) -> Iterator[Piece]:
    way, asked = way_to(node, end.at)
    of = sliced(way, end.loss, things, last=not isinstance(end.at, ast.Return | ast.Expr))
    if not of.kept and isinstance(of.loss, ast.Name):
        # what comes back from elsewhere
        return
    names = parameters(of, node, space)
    sides = sides_of(code, of, names)
    if not (sides.pair or (sides.labelled and end.whole)):
        return
    taken = {n.id for one in of.kept for n in ast.walk(one) if isinstance(n, ast.Name)} - sides.aliases.keys()
    aliases = {name: alias for name, alias in sides.aliases.items() if alias not in taken}
    lines = lines_of(of, end.at)
    for kept in (of.kept, *_shortened(of.kept, aliases)):
        try:
            function = made(replace(of, kept=kept), node, names, aliases, space, code.path)
        except SyntaxError:
            return
        yield Piece(function, end.whole, of.cut_short or asked, lines, aliases)


def _shortened(kept: list[ast.stmt], aliases: Mapping[str, str]) -> Iterator[list[ast.stmt]]:
    """The same for a teacher whose caller has left out its last row already, where the student's alone is left out."""
    sides = {alias.partition("_")[0]: name for name, alias in aliases.items()}
    text = "\n".join(map(ast.unparse, kept))
    short = {side for side, name in sides.items() if re.search(rf"\b{re.escape(name)}\[(?:\.\.\.|:), :-1", text)}
    if short == {"student"} and "teacher" in sides:
        yield [*ast.parse(f"{sides['teacher']} = {sides['teacher']}[:, :-1]").body, *kept]


def _methods(owner: type | None) -> list[str]:
    """The methods of a class that are its program's own."""
    if owner is None:
        return []
    bases = [base for base in owner.__mro__ if base is not object]
    own = [base for base in bases if getattr(sys.modules.get(base.__module__), "__file__", None)]
    return [name for base in own for name, one in vars(base).items() if isinstance(one, FunctionType) and _near(name)]


def _near(name: str) -> bool:
    return bool(COMPARES.search(name)) or "loss" in name
