"""Which values a name may have at a place, by reading: assignments before it that no later one replaces for sure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Block = tuple[tuple[int, str], ...]
"""The way from a function down to a statement: each compound statement, and which of its parts."""
COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
RUNS_ALWAYS = (ast.With, ast.AsyncWith)
"""What is in these is reached wherever they are."""
BRANCHES = {"body": "then", "orelse": "else"}
"""The parts of an ``if``, of which only one runs."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A name is given a value; ``value`` is None where it is more than an expression tells (a loop, an argument)."""

    line: int
    column: int
    block: Block
    value: ast.expr | None


@dataclass(slots=True)
class Scope:
    """The names of one function, or of a module."""

    node: ast.AST
    parameters: frozenset[str]
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    blocks: dict[int, Block] = field(default_factory=dict)
    """The block of each node, by its identity."""

    def reaching(self, name: str, at: ast.AST, *, called: bool = False) -> list[ast.expr | None] | None:
        """Return what ``name`` may be at ``at``, None among it for what cannot be told; None if it is not bound.

        Where ``at`` is a function in which the name is read, which is ``called`` later, what is bound behind it counts.
        """
        bound = self.bindings.get(name)
        if bound is None:
            return [None] if name in self.parameters else None
        here = self.blocks.get(id(at), ())
        line = (getattr(at, "lineno", 1 << 30), getattr(at, "col_offset", 0))
        found = [one.value for one in bound if called and (one.line, one.column) >= line]
        behind = len(found)
        for one in reversed(bound):
            if (one.line, one.column) >= line or _excluded(one.block, here):
                continue
            found.append(one.value)
            if one.block == here[: len(one.block)]:
                return found
        if name in self.parameters or len(found) == behind:
            found.append(None)
        return found


def _excluded(one: Block, other: Block) -> bool:
    """Return whether both are in parts of one statement of which only one runs."""
    for (mine, part), (yours, its) in zip(one, other, strict=False):
        if mine != yours:
            return False
        if part != its:
            return {part, its} == {"then", "else"}
    return False


def scope_of(function: ast.AST) -> Scope:
    """Return the scope of a function or of a module: what it binds itself, not what functions in it bind."""
    arguments = getattr(function, "args", None)
    named = list(_parameters(arguments)) if isinstance(arguments, ast.arguments) else []
    scope = Scope(function, frozenset(named))
    body = getattr(function, "body", [])
    if isinstance(body, list):
        _statements(scope, body, ())
    elif isinstance(body, ast.expr):
        _within(scope, body, ())
    for bound in scope.bindings.values():
        bound.sort(key=lambda one: (one.line, one.column))
    return scope


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield one.arg
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            yield star.arg


def _statements(scope: Scope, body: list[ast.stmt], block: Block) -> None:
    for statement in body:
        scope.blocks[id(statement)] = block
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            _bound(scope, statement.name, statement, block)
            continue
        if not isinstance(statement, COMPOUND):
            _within(scope, statement, block)
            _bind(scope, statement, block)
            continue
        _bind(scope, statement, block)
        for name, part in ast.iter_fields(statement):
            # behind the body of a loop or a `try`, the `else` of it runs too
            of = BRANCHES[name] if isinstance(statement, ast.If) and name in BRANCHES else name
            inner = block if isinstance(statement, RUNS_ALWAYS) else (*block, (id(statement), of))
            for one in part if isinstance(part, list) else [part]:
                if isinstance(one, ast.stmt):
                    _statements(scope, [one], inner)
                elif isinstance(one, (ast.ExceptHandler, ast.match_case)):
                    inside = (*inner, (id(one), "body"))
                    _captured(scope, one, inside)
                    _statements(scope, one.body, inside)
                elif isinstance(one, ast.AST):
                    _within(scope, one, block)


def _captured(scope: Scope, of: ast.ExceptHandler | ast.match_case, block: Block) -> None:
    """Bind the name of an exception, or those of a pattern, and give what else stands there its block."""
    if isinstance(of, ast.ExceptHandler):
        if of.name:
            _bound(scope, of.name, of, block)
        asked = of.type
    else:
        for one in ast.walk(of.pattern):
            name = one.rest if isinstance(one, ast.MatchMapping) else getattr(one, "name", None)
            if isinstance(one, ast.pattern) and name:
                _bound(scope, name, one, block)
        asked = of.guard
    if asked is not None:
        _within(scope, asked, block)


def _bound(scope: Scope, name: str, at: ast.stmt | ast.ExceptHandler | ast.pattern, block: Block) -> None:
    """Note that a name stands for something that no expression tells."""
    scope.bindings.setdefault(name, []).append(Binding(at.lineno, at.col_offset, block, None))


def _within(scope: Scope, of: ast.AST, block: Block) -> None:
    """Give each node of a statement its block; functions in it have scopes of their own."""
    waiting = [of]
    while waiting:
        one = waiting.pop()
        scope.blocks[id(one)] = block
        if isinstance(one, ast.NamedExpr):
            _target(scope, one.target, one.value, block)
        waiting += ast.iter_child_nodes(one)


def _bind(scope: Scope, statement: ast.stmt, block: Block) -> None:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _target(scope, target, statement.value, block)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _target(scope, statement.target, statement.value, block)
    elif isinstance(statement, ast.AugAssign):
        _target(scope, statement.target, None, block)
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for one in statement.names:
            _bound(scope, one.asname or one.name.partition(".")[0], statement, block)
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        _target(scope, statement.target, None, (*block, (id(statement), "body")))
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        for item in statement.items:
            if item.optional_vars is not None:
                _target(scope, item.optional_vars, None, block)


def _target(scope: Scope, target: ast.expr, value: ast.expr | None, block: Block) -> None:
    if isinstance(target, ast.Name):
        # bound where the statement ends: what it is made of is looked up before
        end = (target.lineno, target.col_offset)
        if value is not None:
            end = (value.end_lineno or target.lineno, value.end_col_offset or 0)
        scope.bindings.setdefault(target.id, []).append(Binding(*end, block, value))
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else None
        even = parts is not None and len(parts) == len(target.elts)
        for place, one in enumerate(target.elts):
            inner = one.value if isinstance(one, ast.Starred) else one
            _target(scope, inner, parts[place] if even and parts is not None else None, block)
