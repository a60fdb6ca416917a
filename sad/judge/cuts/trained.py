"""Keeps of a program's loop what changes what it trains: not its logs, checkpoints and scores."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sad.judge.cuts.slices import loads, stored
from sad.judge.roles import Role, setting

SENDS = {"backward", "manual_backward"}
TRAINS = SENDS | {
    *("step", "zero_grad", "clip_grad_norm_", "clip_grad_value_", "unscale_", "train", "eval", "no_sync"),
    *("accumulate", "optimizer_step", "set_epoch", "requires_grad_", "zero_", "copy_", "lerp_", "detach_"),
}
"""Methods that change what is trained, or how."""
LEAVES = (ast.Break, ast.Continue)
FILLS = {"append", "appendleft", "extend", "insert", "add", "clear", "pop", "popleft", "remove"}
"""Methods that change a list or a set of what is trained on."""
TRAINED = re.compile(r"model|student|network|optim|(^|_)(net|opt|engine|params?)($|_)|parameters", re.IGNORECASE)
"""In what a function is handed that may change gradients, weights or rates."""
LOOKS = re.compile(
    r"save|checkpoint|ckpt|log|eval|valid|test|print|sampl|generat|watch|report|plot|monitor|summar|writ|record|ema|swa"
    r"|push|upload|inspect|score|metric",
    re.IGNORECASE,
)
"""In the names of functions that are handed a model and change nothing of it."""
CHANGES_GRADIENTS = re.compile(r"grad|clip|scale|reduce|backward|_$", re.IGNORECASE)


def trained(loop: ast.stmt, also: frozenset[str] = frozenset()) -> list[ast.stmt]:
    """Return a loop, or the body of a function, without what changes nothing that is trained. ``also`` are methods of
    its own that train.
    """
    body = loop.body if isinstance(loop, ast.FunctionDef | ast.AsyncFunctionDef) else [loop]
    return _Training(set(stored(loop)), TRAINS | also).block(body)


def sends(node: ast.AST, also: frozenset[str] = frozenset()) -> bool:
    """Whether gradients are sent back in it, by a method of its own among others."""
    return any(_method(one) in SENDS | also for one in ast.walk(node))


@dataclass(slots=True)
class _Training:
    """``sets`` are the names that the loop sets, ``needed`` those that what trains needs."""

    sets: set[str]
    trains: frozenset[str] | set[str]
    needed: set[str] = field(default_factory=set)

    def block(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        """The statements that train, or that set a name which those need."""
        while True:
            before = set(self.needed)
            kept = [new for one in reversed(list(body)) for new in reversed(self._kept(one))][::-1]
            if self.needed == before:
                return kept

    def _kept(self, one: ast.stmt) -> list[ast.stmt]:
        if isinstance(one, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try):
            return self._compound(one)
        if isinstance(one, LEAVES):
            return [one]
        every = list(ast.walk(one))
        trains = any(_method(node) in self.trains or _updates(node) for node in every) or _sets_gradients(one)
        trains = trains or any(isinstance(node, ast.Call) and _may_train(node, one) for node in every)
        if trains or (set(stored(one)) | set(_attributes(one)) | _filled(one)) & self.needed:
            self.needed |= loads(one)
            return [one]
        return []

    def _compound(self, one: Any) -> list[ast.stmt]:  # noqa: ANN401 - a statement with a body
        body = self.block(one.body)
        orelse = self.block(getattr(one, "orelse", []))
        if isinstance(one, ast.Try):
            last = self.block(one.finalbody)
            again = [part for part in one.handlers if "StopIteration" in ast.unparse(part.type or ast.Constant(None))]
            if body and again:
                # its batches begin anew
                handlers = [
                    ast.ExceptHandler(part.type, part.name, self.block(part.body) or [ast.Pass()]) for part in again
                ]
                return [ast.copy_location(ast.Try(body, handlers, orelse, last), one)]
            return [*body, *orelse, *last]
        if not body and not orelse:
            return []
        if isinstance(one, ast.If):
            leaves = all(isinstance(part, LEAVES) for part in (*body, *orelse))
            if leaves and not self._counts(one.test):
                # it leaves for a reason that has nothing to do with training: a key, a file, a limit of time
                return []
            self.needed |= loads(one.test)
            return [ast.copy_location(ast.If(one.test, body or [ast.Pass()], orelse), one)]
        if isinstance(one, ast.With | ast.AsyncWith):
            self.needed |= {name for item in one.items for name in loads(item.context_expr)}
            return [ast.copy_location(ast.With(one.items, body), one)]
        if isinstance(one, ast.While):
            self.needed |= loads(one.test)
            return [ast.copy_location(ast.While(one.test, body, orelse), one)]
        self.needed |= loads(one.iter)
        return [ast.copy_location(ast.For(one.target, one.iter, body, orelse), one)]

    def _counts(self, test: ast.expr) -> bool:
        """Whether it is asked of what trains, or of what the loop counts."""
        names = loads(test)
        if names & self.needed:
            return True
        things = {
            node.value.id
            for node in ast.walk(test)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        own = any(isinstance(node, ast.Call) for node in ast.walk(test))
        strange = any(setting(name) is not Role.CONFIG and name != "self" for name in things)
        return bool(names & self.sets) and not own and not strange


def _method(node: ast.AST) -> str:
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _updates(node: ast.AST) -> bool:
    """Whether a scaler or a mean of weights is updated: a mean of losses is none of what is trained."""
    return _method(node) == "update" and bool(re.search(r"scaler|ema|swa", ast.unparse(node), re.IGNORECASE))


def _sets_gradients(one: ast.stmt) -> bool:
    """Whether a statement changes a gradient, a weight or a rate in place: ``p.grad = …``, ``group["lr"] = …``."""
    targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AugAssign) else []
    return any(re.search(r"\.grad\b|\.data\b|\[.lr.\]|param_groups", ast.unparse(target)) for target in targets)


def _may_train(call: ast.Call, at: ast.stmt) -> bool:
    """Whether a function is called that may change gradients, weights or rates: it is handed them, and is not one of
    those that only look.
    """
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    every = [*call.args, *(one.value for one in call.keywords)]
    if last.endswith("_") or CHANGES_GRADIENTS.search(last):
        base = call.func.value if isinstance(call.func, ast.Attribute) else ast.Constant(None)
        return any(re.search(r"\.grad\b|\.data\b", ast.unparse(one)) for one in (base, *every)) or _is_handed(every)
    return isinstance(at, ast.Expr) and call is at.value and not LOOKS.search(name) and _is_handed(every)


def _is_handed(every: Iterable[ast.expr]) -> bool:
    """Whether a model, its parameters or its optimizer are among what is given, and not only a number of theirs."""
    for one in every:
        if isinstance(one, ast.Call):
            found = one.func.attr if isinstance(one.func, ast.Attribute) and not one.args else ""
            handed = bool(re.search(r"parameters|params", found))
        else:
            name = one.attr if isinstance(one, ast.Attribute) else one.id if isinstance(one, ast.Name) else ""
            handed = bool(TRAINED.search(name))
        if handed:
            return True
    return False


def _filled(one: ast.stmt) -> set[str]:
    """The names of lists that a statement puts something into, or takes something out of."""
    if isinstance(one, ast.Delete):
        found = [part.value for part in one.targets if isinstance(part, ast.Subscript)]
    else:
        found = [
            node.func.value
            for node in ast.walk(one)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FILLS
        ]
    names = set()
    for of in found:
        while isinstance(of, ast.Attribute | ast.Subscript):
            of = of.value
        names |= {of.id} if isinstance(of, ast.Name) else set()
    return names


def _attributes(one: ast.stmt) -> Iterator[str]:
    """The objects of which a statement sets a part."""
    for node in ast.walk(one):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            yield node.value.id
