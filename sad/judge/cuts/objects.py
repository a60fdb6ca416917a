"""An object of a class whose constructor cannot be called, for the methods that its loop calls: what they read of it is
given, as a parameter by its name, or is the number that the constructor sets.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from torch import nn

from sad.judge.callers import installed
from sad.judge.cuts.things import is_self
from sad.judge.cuts.trained import sends
from sad.judge.names import LOGGING

MAKES = "__object_of_{}__"
"""What makes an object, among the names of its module."""


@dataclass(frozen=True, slots=True)
class Object:
    """``given`` are its attributes that are parameters, with what the constructor sets them to; ``constants`` are those
    that it sets to a number, a word or None.
    """

    owner: type
    given: dict[str, ast.expr | None] = field(default_factory=dict)
    constants: dict[str, ast.Constant] = field(default_factory=dict)

    def made(self, space: dict[str, Any]) -> list[ast.stmt]:
        """Return what makes it as `self`, of parameters that are named like its attributes."""
        name = MAKES.format(self.owner.__name__)
        space[name] = lambda: _bare(self.owner)
        lines = [f"self = {name}()", *(f"self.{one} = {ast.unparse(value)}" for one, value in self.constants.items())]
        return ast.parse("\n".join([*lines, *(f"self.{one} = {one}" for one in self.given)])).body


def object_for(owner: type, kept: Iterable[ast.stmt]) -> Object | None:
    """Return what an object must have for some statements of a method; None where its methods are not all at hand, or
    where it is called itself.
    """
    methods = {one.name: one for base in reversed(owner.__mro__) for one in _methods(base)}
    reached: dict[str, ast.FunctionDef] = {}
    nodes = [node for one in kept for node in ast.walk(one)]
    while True:
        called = {one.attr for one in _called(nodes) if callable(inspect.getattr_static(owner, one.attr, None))}
        called -= reached.keys()
        whole = any(isinstance(node, ast.Call) and is_self(node.func) for node in nodes)
        if whole or called - methods.keys():
            return None
        if not called:
            break
        reached |= {name: methods[name] for name in called}
        nodes += [node for name in called for node in ast.walk(methods[name])]
    own = list(_attributes(nodes))
    read = [one.attr for one in own if isinstance(one.ctx, ast.Load)]
    counted = {one.attr for one in _attributes(node.target for node in nodes if isinstance(node, ast.AugAssign))}
    set_here = {one.attr for one in own if isinstance(one.ctx, ast.Store)} - counted
    first = {one: value for base in reversed(owner.__mro__) for one, value in _first(base)}
    found = Object(owner)
    for name in dict.fromkeys([*read, *sorted(counted)]):
        if hasattr(owner, name):
            continue
        value = first.get(name)
        if isinstance(value, ast.Constant):
            found.constants[name] = value
        elif name not in set_here or value is not None:
            found.given[name] = value
    return found


def sending(owner: type | None) -> frozenset[str]:
    """The methods of a class that send gradients back."""
    every = [one for base in owner.__mro__ for one in _methods(base)] if owner is not None else []
    return frozenset(one.name for one in every if sends(one))


def calls_methods(kept: Iterable[ast.stmt], methods: frozenset[str]) -> bool:
    """Whether some statements call methods of their class that do more than log."""
    nodes = (node for one in kept for node in ast.walk(one))
    return any(one.attr in methods - set(LOGGING) for one in _called(nodes))


def _called(nodes: Iterable[ast.AST]) -> Iterator[ast.Attribute]:
    """What is called of `self`."""
    return _attributes(node.func for node in nodes if isinstance(node, ast.Call))


def _attributes(nodes: Iterable[ast.AST]) -> Iterator[ast.Attribute]:
    """The attributes of `self` among some nodes."""
    return (node for node in nodes if isinstance(node, ast.Attribute) and is_self(node.value))


def _bare(owner: type) -> Any:  # noqa: ANN401 - an object of that class
    """Return an object of a class whose constructor was not called."""
    # what an abstract class leaves to others is looked for when it is called
    kind = type(owner.__name__, (owner,), {})
    kind.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    made: Any = object.__new__(kind)
    if isinstance(made, nn.Module):
        nn.Module.__init__(made)
    return made


def _methods(base: type) -> Iterator[ast.FunctionDef]:
    """The methods of a class that are read from a file."""
    for node in _body(base):
        if isinstance(node, ast.FunctionDef) and isinstance(vars(base).get(node.name), FunctionType):
            yield node


def _first(base: type) -> Iterator[tuple[str, ast.expr]]:
    """What the constructor of a class sets attributes to."""
    for made in (one for one in _body(base) if isinstance(one, ast.FunctionDef) and one.name == "__init__"):
        for node in ast.walk(made):
            if isinstance(node, ast.Assign):
                yield from ((target.attr, node.value) for target in _attributes(node.targets))


def _body(base: type) -> list[ast.stmt]:
    """What stands in a class of the program's own; nothing for one of a library."""
    file = str(getattr(inspect.getmodule(base), "__file__", ""))
    try:
        tree = ast.parse("" if installed(file) else Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return []
    found = [one for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and one.name == base.__name__]
    return found[0].body if found else []
