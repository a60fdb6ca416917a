"""A file of someone's code as a tree, with what its names stand for."""

from __future__ import annotations

import ast
import re
from functools import cached_property
from typing import TypeVar

from sad.source.scopes import Function, Scope, scope_of

CUSTOM = {"F": "torch.nn.functional", "nn": "torch.nn", "np": "numpy"}
"""What these are in nearly every file, also where a piece of one does not import them."""
IGNORED = re.compile(r"#\s*sad:\s*ignore(?:\[([^\]]*)\])?")
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Node = TypeVar("Node", bound=ast.AST)


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def last_name(node: ast.AST) -> str:
    """Return the last name of a chain, ``optimizer`` of ``self.optimizer`` and of ``optimizer["a"]``; "" if none."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def method(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return last_name(call.func)


def names(of: ast.AST) -> set[str]:
    """Return the names that are read in an expression."""
    return {one.id for one in ast.walk(of) if isinstance(one, ast.Name)}


class Code:
    """A file that was read. Raises SyntaxError where it is no Python; ``path`` is only shown."""

    def __init__(self, text: str, path: str = "<text>") -> None:
        self.text, self.path = text, path
        self.tree = ast.parse(text)
        self.lines = text.splitlines()
        self.parent: dict[int, ast.AST] = {}
        self._of_type: dict[type[ast.AST], list[ast.AST]] = {}
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            one = waiting.pop()
            self._of_type.setdefault(type(one), []).append(one)
            for child in ast.iter_child_nodes(one):
                self.parent[id(child)] = one
                waiting.append(child)
        self._scopes: dict[int, Scope] = {}
        self._sorted: set[type[ast.AST]] = set()

    def all(self, kind: type[Node]) -> list[Node]:
        """Return every node of one kind, from above to below."""
        found = self._of_type.get(kind, [])
        if kind not in self._sorted:
            found.sort(key=_place)
            self._sorted.add(kind)
        return found  # type: ignore[return-value]  # of that type, by its key

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What imported names stand for, in full."""
        found = dict(CUSTOM)
        for node in self.all(ast.Import):
            for one in node.names:
                first = one.name.partition(".")[0]
                found[one.asname or first] = one.name if one.asname else first
        for part in self.all(ast.ImportFrom):
            if part.module and not part.level:
                found |= {one.asname or one.name: f"{part.module}.{one.name}" for one in part.names}
        return found

    def dotted(self, node: ast.AST) -> str:
        """Return the whole name of a name or a chain of attributes, ``torch.softmax``; "" where it is neither."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self.aliases.get(node.id, node.id))
        return ".".join(reversed(parts))

    def function(self, node: ast.AST) -> Function | None:
        """Return the function that a node stands in, None for the module."""
        found = self.above(node, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        assert found is None or isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        return found

    def above(self, node: ast.AST, *kinds: type[ast.AST]) -> ast.AST | None:
        """Return the nearest node of these kinds that a node stands in."""
        over = self.parent.get(id(node))
        while over is not None and not isinstance(over, kinds):
            over = self.parent.get(id(over))
        return over

    def scope(self, of: ast.AST) -> Scope:
        """Return the scope of a function, or of the module."""
        if id(of) not in self._scopes:
            self._scopes[id(of)] = scope_of(of)
        return self._scopes[id(of)]

    def values(self, name: ast.Name) -> list[ast.expr | None]:
        """Return what a name may stand for where it is read; None among it for what cannot be told."""
        at: ast.AST = name
        if self._of_comprehension(name):
            return [None]
        while True:
            inside = self.function(at)
            found = self.scope(inside or self.tree).reaching(name.id, at, called=at is not name)
            if found is not None:
                return found
            if inside is None:
                return [None]
            at = inside

    def _of_comprehension(self, name: ast.Name) -> bool:
        """Return whether a comprehension that a name stands in goes through values of that name."""
        over = self.above(name, *COMPREHENSIONS, ast.stmt)
        while isinstance(over, COMPREHENSIONS):
            stored = (one for each in over.generators for one in ast.walk(each.target))
            if any(isinstance(one, ast.Name) and one.id == name.id for one in stored):
                return True
            over = self.above(over, *COMPREHENSIONS, ast.stmt)
        return False

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The functions that stand in the module itself, by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}

    def attribute(self, node: ast.Attribute) -> list[ast.expr]:
        """Return what the class that a node stands in assigns to ``self.NAME``; nothing for any other attribute."""
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return []
        inside = self.above(node, ast.ClassDef)
        return self._attributes.get((id(inside), node.attr), []) if inside is not None else []

    @cached_property
    def _attributes(self) -> dict[tuple[int, str], list[ast.expr]]:
        """What each class assigns to each ``self.NAME``."""
        found: dict[tuple[int, str], list[ast.expr]] = {}
        for one in self.all(ast.Assign):
            for target in one.targets:
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                ):
                    found.setdefault((id(self.above(one, ast.ClassDef)), target.attr), []).append(one.value)
        return found

    def ignored(self, line: int, code: str) -> bool:
        """Return whether a comment on a line says that a rule is to be silent there."""
        said = IGNORED.search(self.lines[line - 1]) if 0 < line <= len(self.lines) else None
        if said is None:
            return False
        return said[1] is None or code in re.split(r"[,\s]+", said[1])
