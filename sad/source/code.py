"""A file of someone's code as a tree, with what its names stand for."""

from __future__ import annotations

import ast
import re
from functools import cached_property
from typing import Any, TypeVar

from sad.source.form import common
from sad.source.scopes import Function, Scope, scope_of

CUSTOM = {"F": "torch.nn.functional", "nn": "torch.nn", "np": "numpy"}
"""What these are in nearly every file, also where a piece of one does not import them."""
IGNORED = re.compile(r"#\s*sad:\s*ignore(?:\[([^\]]*)\])?")
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
FORMS = {ast.Call, ast.Compare, ast.UnaryOp, ast.BinOp, ast.AugAssign, ast.ListComp}
"""What may have another form than the common one."""
MOST = 20_000
"""Names of one file that are looked up: the ways through many branches are without end, and no more is told then."""
Node = TypeVar("Node", bound=ast.AST)


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


class Code:
    """A file that was read. Raises SyntaxError where it is no Python; ``path`` is only shown.

    With ``formed``, what can be written in many ways has its common form: to be looked at, not to be run.
    """

    def __init__(self, text: str, path: str = "<text>", *, formed: bool = False) -> None:
        self.text, self.path, self._formed = text, path, formed
        self.tree = ast.parse(text)
        self.lines = re.split(r"\r\n|\r|\n", text)  # as Python counts them: a form feed ends none
        self.parent: dict[int, ast.AST] = {}
        self._of_type: dict[type[ast.AST], list[ast.AST]] = {}
        self._kept: list[ast.AST] = []  # what had another form: its identity is not given to another node
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            one = waiting.pop()
            if formed and type(one) in FORMS:
                one = self._in_form(one)
            self._of_type.setdefault(type(one), []).append(one)
            for child in ast.iter_child_nodes(one):
                self.parent[id(child)] = one
                waiting.append(child)
        self.known: dict[str, dict[int, Any]] = {}
        """What was found out of nodes once, by what was asked and their identity."""
        self._asked = 0
        self._scopes: dict[int, Scope] = {}
        self._sorted: set[type[ast.AST]] = set()

    def _in_form(self, node: ast.AST) -> ast.AST:
        """Put the common form of a node in its place, and return it."""
        over = self.parent[id(node)]
        form = common(node, over)
        if form is node:
            return node
        self.parent[id(form)] = over
        self._kept.append(node)
        for name, part in ast.iter_fields(over):
            if part is node:
                setattr(over, name, form)
            elif isinstance(part, list) and node in part:
                part[part.index(node)] = form
        return form

    def all(self, kind: type[Node]) -> list[Node]:
        """Return every node of one kind, from above to below."""
        found = self._of_type.get(kind, [])
        if kind not in self._sorted:
            found.sort(key=_place)
            self._sorted.add(kind)
        return found  # type: ignore[return-value]  # of that type, by its key

    @cached_property
    def assigned(self) -> list[tuple[ast.stmt, ast.expr, ast.expr]]:
        """Return each statement that assigns, what it assigns to, and the value; of ``a, b = c, d`` each pair."""
        found: list[tuple[ast.stmt, ast.expr, ast.expr]] = []
        for one in self.all(ast.Assign):
            for target in one.targets:
                if isinstance(target, ast.Tuple) and isinstance(one.value, ast.Tuple):
                    pairs = zip(target.elts, one.value.elts, strict=False)
                    found += [(one, *pair) for pair in pairs if len(target.elts) == len(one.value.elts)]
                else:
                    found.append((one, target, one.value))
        return found + [(one, one.target, one.value) for one in self.all(ast.AnnAssign) if one.value is not None]

    @cached_property
    def added(self) -> list[tuple[ast.stmt, ast.expr, ast.expr]]:
        """Return each statement that adds to a sum, the sum, and what is added: ``a += b``, ``a = a + b``."""
        found: list[tuple[ast.stmt, ast.expr, ast.expr]] = [
            (one, one.target, one.value) for one in self.all(ast.AugAssign) if isinstance(one.op, ast.Add)
        ]
        for statement, target, value in self.assigned:
            if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
                for side, other in ((value.left, value.right), (value.right, value.left)):
                    if ast.unparse(side) == ast.unparse(target):
                        found.append((statement, target, other))
                        break
        return found

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What imported names stand for, in full."""
        found = dict(CUSTOM)
        for node in self.all(ast.Import):
            for one in node.names:
                first = one.name.partition(".")[0]
                found[one.asname or first] = one.name if one.asname else first
        for part in self.all(ast.ImportFrom):
            of = "." * part.level + (part.module or "")
            found |= {one.asname or one.name: f"{of}.{one.name}" for one in part.names}
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
            self._scopes[id(of)] = made = scope_of(of, sums=self._formed)
            for value, statement in made.made:
                self.parent |= {id(value): statement, id(value.left): value}
        return self._scopes[id(of)]

    def values(self, name: ast.Name) -> list[ast.expr | None]:
        """Return what a name may stand for where it is read; None among it for what cannot be told."""
        self._asked += 1
        if self._asked > MOST or name.id in self._set_from_within or self._walked(name):
            return [None]
        inside = self.function(name)
        found = self.scope(inside or self.tree).reaching(name.id, name)
        while found is None and inside is not None:
            at, inside = inside, self.function(inside)
            found = self.scope(inside or self.tree).ever(name.id, at)
        return [None] if found is None else found

    @cached_property
    def _set_from_within(self) -> set[str]:
        """Names that a function binds in another scope than its own."""
        shared: list[ast.Global | ast.Nonlocal] = [*self.all(ast.Global), *self.all(ast.Nonlocal)]
        return {name for one in shared for name in one.names}

    def _walked(self, name: ast.Name) -> bool:
        """Return whether a comprehension that a name stands in binds it."""
        over = self.above(name, *COMPREHENSIONS)
        while isinstance(over, COMPREHENSIONS):
            targets = [one.target for one in over.generators]
            if any(isinstance(one, ast.Name) and one.id == name.id for target in targets for one in ast.walk(target)):
                return True
            over = self.above(over, *COMPREHENSIONS)
        return False

    @cached_property
    def bound(self) -> set[str]:
        """Every name that the file gives a meaning, anywhere in it."""
        stored = {one.id for one in self.all(ast.Name) if isinstance(one.ctx, ast.Store)}
        return stored | {one.arg for one in self.all(ast.arg)} | self.aliases.keys() | self._defined

    @cached_property
    def _defined(self) -> set[str]:
        kinds: tuple[type[Defined], ...] = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return {one.name for kind in kinds for one in self.all(kind)}

    def own(self, name: ast.Name) -> ast.FunctionDef | None:
        """Return the function of the module that a name is; None where it may be anything else."""
        if name.id not in self.functions or self._walked(name) or name.id in self._set_from_within:
            return None
        inside = self.function(name)
        while inside is not None:
            scope = self.scope(inside)
            if name.id in scope.parameters or name.id in scope.bindings:
                return None
            inside = self.function(inside)
        return self.functions[name.id] if len(self.scope(self.tree).bindings.get(name.id, [])) == 1 else None

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The functions that stand in the module itself, by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}

    def method(self, node: ast.Attribute) -> ast.FunctionDef | None:
        """Return the method of its class that ``self.NAME`` is; None where a class of the file has it anew."""
        inside = self.above(node, ast.ClassDef)
        if not (isinstance(node.value, ast.Name) and node.value.id == "self" and inside is not None):
            return None
        named = [
            (owner, one)
            for owner in self.all(ast.ClassDef)
            for one in owner.body
            if isinstance(one, ast.FunctionDef) and one.name == node.attr
        ]
        below = [owner for owner, _ in named if owner is not inside and owner.bases]
        return next((one for owner, one in named if owner is inside), None) if not below else None

    def attribute(self, node: ast.Attribute) -> list[ast.expr | None]:
        """Return what the class that a node stands in assigns to ``self.NAME``; nothing for any other attribute.

        None among it for what is given to it in another way, such as a part of a tuple.
        """
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return []
        inside = self.above(node, ast.ClassDef)
        return self._attributes.get((id(inside), node.attr), []) if inside is not None else []

    @cached_property
    def _attributes(self) -> dict[tuple[int, str], list[ast.expr | None]]:
        """What each class assigns to each ``self.NAME``."""
        found: dict[tuple[int, str], list[ast.expr | None]] = {}
        for target in self.all(ast.Attribute):
            if isinstance(target.ctx, ast.Store) and isinstance(target.value, ast.Name) and target.value.id == "self":
                over = self.parent[id(target)]
                value = over.value if isinstance(over, (ast.Assign, ast.AnnAssign)) else None
                if value is None and isinstance(over, ast.AnnAssign):
                    continue  # a type alone
                found.setdefault((id(self.above(target, ast.ClassDef)), target.attr), []).append(value)
        return found

    def ignored(self, line: int, code: str) -> bool:
        """Return whether a comment on a line says that a rule is to be silent there."""
        said = IGNORED.search(self.lines[line - 1]) if 0 < line <= len(self.lines) else None
        if said is None:
            return False
        return said[1] is None or code in re.split(r"[,\s]+", said[1])
