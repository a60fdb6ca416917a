"""Whether a model that code fetches is its teacher or its student: what stands where it is asked for says so.

`teacher = load(…)`, `Pair(teacher=load(…))`, `student, teacher = load(…), load(…)`, `load(args.teacher_path)`: the name
that a value is given to comes first, then what it is asked with, then the function's. One that a function returns is
followed to whoever called that.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from types import FrameType

WALKED = 6
"""Calls from what fetches up to what is judged in which a name is looked for."""
BIG = re.compile(r"_?(ref|reference|big|large|expert|oracle)")
"""What a teacher is called where a model is fetched."""
LOADS = re.compile(r"_?(load|get|build|make|create|init|setup|fetch|prepare)_(\w+)")
"""Functions whose name says what they return."""
ITSELF = (ast.Attribute, ast.Await, ast.IfExp, ast.Starred, ast.NamedExpr, ast.BoolOp)
"""What has the value that it is made of, or is a method of that: `load(…).eval()`."""


def whose(frame: FrameType | None, is_teacher: Callable[[str], bool]) -> bool | None:
    """Return whether what a function is asking for is a teacher; None where nothing tells."""
    return told(frame, lambda names: _told(names, is_teacher))


def told(frame: FrameType | None, tells: Callable[[list[str]], bool | None]) -> bool | None:
    """Return what the names around that which a function is asking for tell; None where they tell nothing."""
    place: int | None = None
    for _ in range(WALKED):
        if frame is None or frame.f_globals.get("__name__", "").startswith("sad."):
            return None
        found = _call(frame)
        if found is None:
            return None
        names, place, returned = _given(found, place)
        tell = tells(names)
        if tell is None:
            tell = tells(_words(found[0]))
        if tell is None and returned and (name := LOADS.fullmatch(frame.f_code.co_name)):
            tell = tells([name[2]])
        if tell is not None or not returned:
            return tell
        frame = frame.f_back
    return None


def _told(names: list[str], is_teacher: Callable[[str], bool]) -> bool | None:
    """Whether names are those of a teacher or a student; None for neither, and for both."""
    teacher = any(is_teacher(name) or BIG.fullmatch(name.lower()) for name in names)
    student = any("student" in name.lower() for name in names)
    return None if teacher == student else teacher


@cache
def _tree(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return None


def _call(frame: FrameType) -> tuple[ast.AST, ...] | None:
    """The call that a function is in, then what that is part of, outwards; None where it is not found."""
    tree = _tree(frame.f_code.co_filename)
    at = next((one for place, one in enumerate(frame.f_code.co_positions()) if place == frame.f_lasti // 2), None)
    if tree is None or at is None:
        return None
    for chain in _chains(tree, ()):
        node = chain[0]
        if isinstance(node, ast.Call) and at == (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset):
            return chain
    return None


def _chains(node: ast.AST, above: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, ...]]:
    here = (node, *above)
    yield here
    for child in ast.iter_child_nodes(node):
        yield from _chains(child, here)


def _given(chain: tuple[ast.AST, ...], place: int | None) -> tuple[list[str], int | None, bool]:
    """The names that a call's value is given to, its place in a tuple that is returned, and whether it is returned.

    ``place``: that of what is asked for in what the call returns.
    """
    for inner, outer in pairwise(chain):
        if isinstance(outer, ast.keyword):
            return [outer.arg or ""], None, False
        if isinstance(outer, ast.Dict):
            key = outer.keys[outer.values.index(inner)] if inner in outer.values else None
            return [str(key.value)] if isinstance(key, ast.Constant) else [], None, False
        if isinstance(outer, ast.Tuple | ast.List) and place is None:
            place = next(at for at, one in enumerate(outer.elts) if one is inner)
        elif isinstance(outer, ast.Return):
            return [], place, True
        elif isinstance(outer, ast.Assign | ast.AnnAssign):
            names = [name for target in _targets(outer) for name in _at(target, place)]
            back, at = _returned(chain, names)
            return names, at, back
        elif not isinstance(outer, ITSELF) and not (isinstance(outer, ast.Call) and inner is outer.func):
            return [], None, False
    return [], None, False


def _targets(of: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return of.targets if isinstance(of, ast.Assign) else [of.target]


def _at(target: ast.expr, place: int | None) -> list[str]:
    """The name that a value at a place of a tuple is given to, of a target that is one."""
    if isinstance(target, ast.Tuple | ast.List):
        return _at(target.elts[place], None) if place is not None and place < len(target.elts) else []
    if isinstance(target, ast.Subscript):
        return [str(target.slice.value)] if isinstance(target.slice, ast.Constant) else []
    return [target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")]


def _returned(chain: tuple[ast.AST, ...], names: list[str]) -> tuple[bool, int | None]:
    """Whether the function that a call stands in returns one of some names, and at which place of a tuple."""
    inside = next((one for one in chain if isinstance(one, ast.FunctionDef)), None)
    for node in ast.walk(inside) if inside is not None else ():
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        every = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for place, one in enumerate(every):
            while isinstance(one, ast.Attribute | ast.Call):
                one = one.value if isinstance(one, ast.Attribute) else one.func
            if isinstance(one, ast.Name) and one.id in names:
                return True, place if isinstance(node.value, ast.Tuple) else None
    return False, None


def _words(call: ast.AST) -> list[str]:
    """The names, and the words in quotes, that a call is made with."""
    every = [*getattr(call, "args", ()), *(one.value for one in getattr(call, "keywords", ()))]
    found = []
    for node in (node for one in every for node in ast.walk(one)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.Name | ast.Attribute):
            found.append(node.id if isinstance(node, ast.Name) else node.attr)
    return found
