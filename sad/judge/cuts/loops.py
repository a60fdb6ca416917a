"""The loop of a program that trains, without what the program does before it and beside it.

A script reads its arguments, fetches models and data, writes logs and checkpoints; that cannot be run here. What steps
its optimizer is a loop in it, whose model, optimizer and loader are names: they become parameters.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from sad.judge.cuts.fed import fed
from sad.judge.cuts.objects import calls_methods, object_for, sending
from sad.judge.cuts.piece import Piece, lines_of, made, parameters
from sad.judge.cuts.slices import Slice, defines, loads, stored
from sad.judge.cuts.things import Things, is_self
from sad.judge.cuts.trained import sends, trained
from sad.judge.cuts.ways import Function, node_of, way_to
from sad.judge.free import DRAWS
from sad.judge.names import LOGGING
from sad.source.code import Code

LOOPS = (ast.For, ast.AsyncFor, ast.While)
MADE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"sched|warmup|LambdaLR|\w+LR\(|annealing", "scheduler"),
        (r"optim|Adam|SGD\(|Adafactor|Lion\(|RMSprop", "optimizer"),
        (r"GradScaler", "scaler"),
        (r"Accelerator\(", "accelerator"),
        (r"DataLoader|dataloader|data_loader|get_loader", "loader"),
        (r"[Tt]okenizer", "tokenizer"),
        (r"teacher", "teacher"),
        (
            r"from_pretrained|get_peft_model|Model\w*\(|LMHead\w*\(|DistributedDataParallel|DDP\(|get_model",
            "model",
        ),
        (r"CrossEntropyLoss", "criterion"),
        (r"torch\.device|get_device", "device"),
    )
)
"""What a value is by what made it, the first that fits."""


def loops_of(target: Any, owner: type | None) -> Iterator[Piece]:  # noqa: ANN401 - what was named
    """Yield the outermost loops of a function, or of a module that is a program, in which gradients are sent back; of a
    method that has none what it does for one batch.

    Nothing where there is none, or where it calls what its class does and that is not at hand.
    """
    if isinstance(target, type):
        every = [one for one in vars(target).values() if isinstance(one, FunctionType)]
        for one in every:
            yield from loops_of(one, target)
        return
    if isinstance(target, ModuleType):
        code, node, space = _of_module(target)
    else:
        function = inspect.unwrap(getattr(target, "__func__", target))
        if not isinstance(function, FunctionType):
            return
        code, node, space = node_of(function)
    if code is None or node is None:
        return
    senders = sending(owner)
    loops = list(_loops(node, senders))
    if not loops and owner is not None and sends(node):
        # one step, by a method of an object that cannot be made
        loops = [node]
    for loop in loops:
        if (piece := _piece(code, node, loop, space, owner, senders)) is not None:
            yield piece


def _of_module(module: ModuleType) -> tuple[Code | None, Function | None, dict[str, Any]]:
    """A module as a function that takes nothing."""
    try:
        code = Code(Path(str(module.__file__)).read_text(encoding="utf-8"), str(module.__file__))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return None, None, {}
    of = ast.parse("def train(): pass").body[0]
    assert isinstance(of, ast.FunctionDef), "it is one"
    of.body = code.tree.body
    return code, of, vars(module)


def _loops(node: Function, senders: frozenset[str]) -> Iterator[ast.stmt]:
    """The outermost loops of a function that send gradients back; a loop over epochs holds that over batches."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(one, LOOPS) and sends(one, senders):
            yield one
            continue
        waiting += [child for child in ast.iter_child_nodes(one) if isinstance(child, ast.stmt | ast.ExceptHandler)]


def _piece(
    code: Code, node: Function, loop: ast.stmt, space: dict[str, Any], owner: type | None, senders: frozenset[str]
) -> Piece | None:
    way, asked = way_to(node, loop) if loop is not node else ([loop], False)
    methods = frozenset(name for base in (owner.__mro__ if owner else ()) for name in vars(base))
    own = _Own(methods)
    kept = ast.parse(ast.unparse(ast.Module(trained(loop, senders), []))).body
    made_here = fed(kept)
    its = object_for(owner, kept) if owner is not None and calls_methods(kept, methods) else None
    if its is None:
        kept = [*own.begun(code, node, kept), *(own.visit(one) for one in kept)]
    if own.calls or not kept or (its is None and "self" in loads(ast.Module(kept, []))):
        # its class does a part of it that is not at hand
        return None
    of = Slice(Things(code, space, frozenset(), frozenset()))
    of.kept, of.loss = kept, ast.Constant(None)
    # what a program defines is there; what its loop sets is the loop's own
    there = space.keys() - set(stored(ast.Module(kept, []))) if node not in code.all(ast.FunctionDef) else set()
    of.needed = (loads(ast.Module(kept, [])) | (its.given.keys() if its else set())) - there
    for one in reversed(way[:-1]):
        of.kept[:0] = _before(of, own.visit(ast.parse(ast.unparse(one)).body[0]))
        of.needed -= of.made.keys() | there
    if its is not None:
        of.kept[:0] = its.made(space)
        of.made |= its.given
    names = parameters(of, node, {name: value for name, value in space.items() if name not in of.made})
    aliases = {name: alias for name in names if (alias := _alias(of.made.get(name))) and not _listed(name)}
    aliases = {name: alias for name, alias in aliases.items() if list(aliases.values()).count(alias) == 1}
    aliases = {name: alias for name, alias in aliases.items() if alias not in names}
    try:
        function = made(of, node, names, aliases, space, code.path)
    except SyntaxError:
        return None
    return Piece(function, True, asked or made_here, lines_of(of, loop, loop.lineno), aliases)


def _before(of: Slice, one: Any) -> list[ast.stmt]:  # noqa: ANN401 - a statement
    """What of a statement before the loop is kept: plain settings; anything else that is needed is a parameter."""
    if isinstance(one, ast.FunctionDef | ast.Import | ast.ImportFrom):
        if not (given := defines(one)) & of.needed:
            return []
        of.needed = (of.needed - given) | loads(one)
        return [one]
    names = set(stored(one)) & of.needed
    if not names:
        return []
    if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None and _is_kept(one.value):
        of.needed = (of.needed - names) | loads(one)
        return [one]
    values = {name: one.value for name in names} if isinstance(one, ast.Assign | ast.AnnAssign) else {}
    for name in names:
        # what was made first says what it is: `prepare(…)` gives back what it is handed
        value = values.get(name)
        if value is None or _alias(value) or name not in of.made:
            of.made[name] = value
    return []


def _is_kept(value: ast.expr) -> bool:
    """Whether a value can be made here: a setting, or the next batch of a function that draws it."""
    name = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    return _plain(value) or bool(DRAWS.fullmatch(name))


def _plain(value: ast.expr) -> bool:
    """Whether a value is a number, a word or a list, or is worked out from such."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name not in (
                "int",
                "float",
                "max",
                "min",
                "round",
                "abs",
                "bool",
                "list",
                "dict",
                "set",
                "math.ceil",
                "iter",
            ):
                return False
        elif isinstance(node, ast.Attribute | ast.Subscript | ast.Await | ast.Yield):
            return False
    return True


def _alias(value: ast.expr | None) -> str:
    if value is None:
        return ""
    text = ast.unparse(value)
    return next((name for pattern, name in MADE if pattern.search(text)), "")


def _listed(name: str) -> bool:
    """Whether a name says by itself what it is."""
    return any(part in name.lower() for part in ("optim", "sched", "loader", "scaler", "model", "teacher", "student"))


class _Own(ast.NodeTransformer):
    """Makes names of what `self` keeps; ``calls``: whether a method of the class is called that does more than log."""

    def __init__(self, methods: frozenset[str]) -> None:
        self._methods, self.calls = methods, False

    @staticmethod
    def begun(code: Code, node: Function, kept: list[ast.stmt]) -> list[ast.stmt]:
        """What its object begins to count with, of what is counted in a part."""
        counted = {
            one.target.attr for part in kept for one in ast.walk(part)
            if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Attribute) and is_self(one.target.value)
        }  # fmt: skip
        found: dict[str, ast.stmt] = {}
        for one in ast.walk(node):
            if isinstance(one, ast.Attribute) and one.attr in counted:
                first = next((value for value in code.attribute(one) if isinstance(value, ast.Constant)), None)
                if first is not None:
                    found[one.attr] = ast.Assign([ast.Name(one.attr, ast.Store())], first, lineno=one.lineno)
        return list(found.values())

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Return a name for an attribute of `self`."""
        if is_self(node.value):
            if node.attr in self._methods and node.attr not in LOGGING:
                self.calls = True
                return node
            return ast.copy_location(ast.Name(node.attr, node.ctx), node)
        return self.generic_visit(node)
