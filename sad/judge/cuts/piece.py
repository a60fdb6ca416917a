"""Makes a function of a part of another one: it stands in the same module, and its source can be read."""

from __future__ import annotations

import ast
import builtins
import hashlib
import linecache
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from sad.judge.cuts.slices import Slice, in_order
from sad.judge.cuts.ways import Function
from sad.judge.stand_in import NeedsAdapterError


@dataclass(frozen=True, slots=True)
class Piece:
    """A part that can be called. ``whole``: it ends where the function it is of ends. ``cut_short``: what may end it
    early was left out. ``lines`` are those of its file, ``aliases`` what its parameters were called there.
    """

    function: FunctionType
    whole: bool
    cut_short: bool
    lines: tuple[int, int]
    aliases: Mapping[str, str]

    @property
    def said(self) -> str:
        """Its lines in words."""
        first, last = self.lines
        return f"lines {first} to {last}" if first < last else f"line {first}"


def since(why: NeedsAdapterError) -> str:
    """Say why the whole cannot be called, without what it was given."""
    return f"since {why.why.partition(', given ')[0]}"


def without_ours(pieces: Iterator[Any]) -> Iterator[Any]:
    """Go on to the end of what can be cut out: a way of writing that is not foreseen here is no fault of the code's."""
    with suppress(Exception):
        yield from pieces


def parameters(of: Slice, function: Function, space: Mapping[str, Any]) -> list[str]:
    """Return the names that a part reads and neither it nor its module sets, in the order of the function's own, then
    in that in which they are read.
    """
    arguments = function.args
    own = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    module = ast.Module([*of.kept, ast.Expr(of.loss)], [])
    stored = {one.id for one in ast.walk(module) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    given = {*own, *of.made}
    names = [name for name in _free(module) if name in given or not (name in stored or _is_set(name, space))]
    return sorted(names, key=lambda name: own.index(name) if name in own else len(own))


def made(
    of: Slice, function: Function, names: Sequence[str], aliases: Mapping[str, str],
    space: dict[str, Any], file: str,
) -> FunctionType:  # fmt: skip
    """Return the function. ``aliases`` are the names that its parameters are read by. Raises SyntaxError where what is
    left is no code.
    """
    doc = ast.get_docstring(function, clean=False)
    body: list[ast.stmt] = [ast.Expr(ast.Constant(doc))] if doc else []
    body += [*of.kept, ast.Return(of.loss)]
    whole = ast.Module([_Renamed(aliases).visit(one) for one in body], [])
    text = ast.unparse(ast.fix_missing_locations(whole))
    shown = _signature(function, names, aliases)
    source = f"def {function.name}({shown}):\n" + "\n".join(f"    {line}" for line in text.splitlines()) + "\n"
    place = f"<part of {file}, {hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    own: dict[str, Any] = {}
    exec(compile(source, place, "exec"), space, own)
    found: FunctionType = own[function.name]
    return found


def _signature(function: Function, names: Sequence[str], aliases: Mapping[str, str]) -> str:
    """The parameters, with the defaults that are a number, a word or a switch in the function itself."""
    of = function.args
    by_place = [*of.posonlyargs, *of.args]
    pairs = [
        *zip(reversed(by_place), reversed(of.defaults), strict=False),
        *zip(of.kwonlyargs, of.kw_defaults, strict=True),
    ]
    kept = {
        one.arg: default.value
        for one, default in pairs
        if isinstance(default, ast.Constant) and default.value is not None and one.arg not in aliases
    }
    shown = [f"{aliases.get(name, name)}={kept[name]!r}" if name in kept else aliases.get(name, name) for name in names]
    return ", ".join(sorted(shown, key=lambda one: "=" in one))


def lines_of(of: Slice, end: ast.stmt, first: int | None = None) -> tuple[int, int]:
    """Return the first and the last line of a part in its file."""
    first = first or min([one.lineno for one in of.kept] or [end.lineno])
    return min(first, end.lineno), end.end_lineno or end.lineno


def _is_set(name: str, space: Mapping[str, Any]) -> bool:
    return name in space or hasattr(builtins, name)


def _free(module: ast.Module) -> list[str]:
    """The names that may be read before they are set, in that order."""
    found: dict[str, None] = {}
    stored: set[str] = set()
    for one in module.body:
        found |= dict.fromkeys(name for name in in_order(one) if name not in stored)
        stored |= _surely_set(one)
    return list(found)


def _surely_set(one: ast.stmt) -> set[str]:
    """What a statement sets whichever way is taken through it."""
    if isinstance(one, ast.If):
        ways = [set[str]().union(*map(_surely_set, body)) for body in (one.body, one.orelse)]
        return ways[0] & ways[1]
    if isinstance(one, ast.FunctionDef):
        return {one.name}
    if isinstance(one, ast.Import | ast.ImportFrom):
        return {n.asname or n.name.split(".")[0] for n in one.names}
    return {n.id for n in ast.walk(one) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)
