"""Which values a name may have at a place, by reading: assignments before it that no later one replaces for sure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sad.source.form import whole

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Block = tuple[tuple[int, str], ...]
"""The way from a function down to a statement: each compound statement, and which of its parts."""
COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
RUNS_ALWAYS = (ast.With, ast.AsyncWith)
"""What is in these is reached wherever they are."""
BRANCHES = {"body": "then", "orelse": "else"}
"""The parts of an ``if``, of which only one runs: those of a loop, or of a ``try``, run one after the other."""
SAME = {"requires_grad_", "detach_", "share_memory_"}
"""Methods that end as those do that change a tensor in place, and change nothing of its values."""


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
    sums: bool = False
    """Whether ``a += b`` is followed as ``a + b``, and not taken for what cannot be told."""
    made: list[tuple[ast.BinOp, ast.AugAssign]] = field(default_factory=list)
    """What ``a += b`` gives ``a``, as ``a + b``."""

    def ever(self, name: str, at: ast.AST) -> list[ast.expr | None] | None:
        """Return what ``name`` may be to a function made at ``at``, which may be called later on as well."""
        here = (getattr(at, "lineno", 1 << 30), getattr(at, "col_offset", 0))
        later = [one.value for one in self.bindings.get(name, []) if (one.line, one.column) >= here]
        before = [] if self.bindings.get(name) and len(later) == len(self.bindings[name]) else self.reaching(name, at)
        return None if before is None else [*before, *later]

    def reaching(self, name: str, at: ast.AST) -> list[ast.expr | None] | None:
        """Return what ``name`` may be at ``at``, None among it for what cannot be told; None if it is not bound."""
        bound = self.bindings.get(name)
        if bound is None:
            return [None] if name in self.parameters else None
        here = self.blocks.get(id(at), ())
        line = (getattr(at, "lineno", 1 << 30), getattr(at, "col_offset", 0))
        found: list[ast.expr | None] = []
        for one in reversed(bound):
            if (one.line, one.column) >= line or _excluded(one.block, here):
                continue
            found.append(one.value)
            if one.block == here[: len(one.block)]:
                return found
        if name in self.parameters or not found:
            found.append(None)
        return found


def _excluded(one: Block, other: Block) -> bool:
    """Return whether both are in parts of one statement of which only one runs."""
    for (mine, part), (yours, its) in zip(one, other, strict=False):
        if mine != yours:
            return False
        if part != its:
            return {part, its} == set(BRANCHES.values())
    return False


def scope_of(function: ast.AST, *, sums: bool = False) -> Scope:
    """Return the scope of a function or of a module: what it binds itself, not what functions in it bind."""
    arguments = getattr(function, "args", None)
    named = list(_parameters(arguments)) if isinstance(arguments, ast.arguments) else []
    scope = Scope(function, frozenset(named), sums=sums)
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
            _named(scope, statement.name, statement, block)
            continue
        if not isinstance(statement, COMPOUND):
            _within(scope, statement, block)
            _bind(scope, statement, block)
            continue
        _bind(scope, statement, block)
        for name, part in ast.iter_fields(statement):
            inner = (
                block
                if isinstance(statement, RUNS_ALWAYS)
                else (*block, (id(statement), BRANCHES.get(name, name) if isinstance(statement, ast.If) else name))
            )
            for one in part if isinstance(part, list) else [part]:
                if isinstance(one, ast.stmt):
                    _statements(scope, [one], inner)
                elif isinstance(one, ast.ExceptHandler):
                    _named(scope, one.name, one, inner)
                    _statements(scope, one.body, inner)
                elif isinstance(one, ast.match_case):
                    # each case is a way of its own, of which one may run
                    _within(scope, one.pattern, inner)
                    _statements(scope, one.body, (*block, (id(statement), f"case {id(one)}")))
                elif isinstance(one, ast.AST):
                    _within(scope, one, block)


def _within(scope: Scope, of: ast.AST, block: Block) -> None:
    """Give each node of a statement its block; functions in it have scopes of their own."""
    waiting = [of]
    while waiting:
        one = waiting.pop()
        scope.blocks[id(one)] = block
        if isinstance(one, ast.NamedExpr):
            _target(scope, one.target, one.value, block)
        elif isinstance(one, (ast.MatchAs, ast.MatchStar)):
            _named(scope, one.name, one, block)
        elif isinstance(one, ast.Call):
            _in_place(scope, one, block)
        waiting += ast.iter_child_nodes(one)


def _bind(scope: Scope, statement: ast.stmt, block: Block) -> None:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _target(scope, target, statement.value, block)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _target(scope, statement.target, statement.value, block)
    elif isinstance(statement, ast.AugAssign):
        made = whole(statement) if scope.sums else None
        if made is not None:
            scope.made.append((made, statement))
            scope.blocks[id(made.left)] = block
        _target(scope, statement.target, made, block)
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        _target(scope, statement.target, None, (*block, (id(statement), "body")))
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        for item in statement.items:
            if item.optional_vars is not None:
                _target(scope, item.optional_vars, None, block)
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for name in statement.names:
            _named(scope, name.asname or name.name.partition(".")[0], statement, block)


def _named(scope: Scope, name: str | None, at: ast.AST, block: Block) -> None:
    """Bind a name to what no expression tells: a function, a class, an import, an exception."""
    if name is not None:
        end = (getattr(at, "lineno", 0), getattr(at, "col_offset", 0))
        scope.bindings.setdefault(name, []).append(Binding(*end, block, None))


def _in_place(scope: Scope, call: ast.Call, block: Block) -> None:
    """Bind anew what a call changes in place, ``p.log_()`` or ``torch.log(p, out=p)``: it is what the call gives."""
    changed = [one.value for one in call.keywords if one.arg == "out"]
    if isinstance(call.func, ast.Attribute) and re.search(r"[a-z]_$", call.func.attr) and call.func.attr not in SAME:
        changed.append(call.func.value)
    for one in changed:
        if isinstance(one, ast.Name):
            _target(scope, one, call, block)


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
    elif isinstance(target, ast.Subscript) and not _is_key(target.slice):
        _target(scope, target.value, None, block)  # of a tensor a part is another now; a key is one of many


def _is_key(of: ast.expr) -> bool:
    return isinstance(of, ast.Constant) and isinstance(of.value, str)
