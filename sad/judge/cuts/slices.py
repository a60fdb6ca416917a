"""What of a function its loss is made of: read backwards, up to what cannot be made here, which becomes a parameter."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sad.judge.cuts.things import Things
from sad.judge.names import MASKS, says_labels, tokens
from sad.judge.roles import setting

LATE = (ast.Return, ast.Continue, ast.Break, ast.Raise)
"""What ends a way early."""
KEEPS_GRADIENTS = ("no_grad", "inference_mode", "set_grad_enabled", "enable_grad")
CHANGES = {"append", "extend", "update", "add", "insert"}
"""Methods that change what they are called on; those of a tensor end in `_`."""


@dataclass(slots=True)
class Slice:
    """What is kept of a way, and what it needs. ``made`` says of each parameter from which expression its value came;
    ``cut_short``: whether the way may end early, or depends on something, where this is left out.
    """

    things: Things
    kept: list[ast.stmt] = field(default_factory=list)
    loss: ast.expr = field(default_factory=lambda: ast.Constant(None))
    needed: set[str] = field(default_factory=set)
    made: dict[str, ast.expr | None] = field(default_factory=dict)
    cut_short: bool = False
    _names: dict[str, str] = field(default_factory=dict)
    _origins: dict[str, ast.expr] = field(default_factory=dict)
    """Where in the file an expression stands: of a copy of it nothing can be looked up."""
    _inside: int = 0


def sliced(way: list[ast.stmt], loss: ast.expr, things: Things, *, last: bool) -> Slice:
    """Return what of a way a loss is made of. ``last``: it is read after the last statement, else it stands in that."""
    of = Slice(things)
    of.loss = _graphs(_replaced(of, loss))
    of.needed = loads(of.loss)
    of.kept = _block(of, way if last else way[:-1])
    return of


def _block(of: Slice, body: list[ast.stmt]) -> list[ast.stmt]:
    kept: list[ast.stmt] = []
    for one in reversed(body):
        kept[:0] = _statement(of, one)
        of.needed -= of.made.keys()
    return kept


def _statement(of: Slice, one: ast.stmt) -> list[ast.stmt]:
    if isinstance(one, ast.If):
        return _if(of, one)
    if isinstance(one, ast.For | ast.AsyncFor | ast.While):
        return _loop(of, one)
    if isinstance(one, ast.With | ast.AsyncWith):
        return _with(of, one)
    if isinstance(one, ast.Try):
        return _block(of, [*one.body, *one.orelse, *one.finalbody])
    if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return _assignment(of, one)
    if isinstance(one, ast.FunctionDef | ast.Import | ast.ImportFrom):
        return _definition(of, one)
    if isinstance(one, ast.Expr) and _changes(one.value) & of.needed:
        return _kept(of, one)
    if isinstance(one, LATE):
        of.cut_short = True
    return []


def _assignment(of: Slice, one: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.stmt]:
    names = set(stored(one))
    if one.value is None or not names & of.needed:
        return []
    targets = one.targets if isinstance(one, ast.Assign) else [one.target]
    plain = not isinstance(one, ast.AugAssign) and all(
        isinstance(part, ast.Name | ast.Tuple | ast.List | ast.Starred | ast.expr_context)
        for target in targets
        for part in ast.walk(target)
    )
    if plain and of.things.foreign(one.value):
        of.made |= dict.fromkeys(names & of.needed, one.value)
        of.needed -= names
        return []
    if plain and not of._inside:
        of.needed -= names
    return _kept(of, one)


def _kept(of: Slice, one: ast.stmt) -> list[ast.stmt]:
    new = _replaced(of, one)
    of.needed |= loads(new)
    return [new]


def _if(of: Slice, one: ast.If) -> list[ast.stmt]:
    before = set(of.needed)
    of._inside += 1
    body = _block(of, one.body)
    after, of.needed = of.needed, set(before)
    orelse = _block(of, one.orelse)
    of._inside -= 1
    of.needed |= after | before
    if not body and not orelse:
        return []
    test = _replaced(of, one.test)
    strange = loads(test) - of.needed - {"self", "cls"}
    if any(name in of.made for name in strange) or of.things.foreign(one.test):
        # what it asks is not here: as if it were so
        of.cut_short = True
        return body or orelse
    of.needed |= loads(test)
    return [ast.copy_location(ast.If(test, body or [ast.Pass()], orelse), one)]


def _loop(of: Slice, one: ast.For | ast.AsyncFor | ast.While) -> list[ast.stmt]:
    if not set(stored(one)) & of.needed:
        return []
    new = _replaced(of, one)
    of.needed |= loads(new) - {name for name in stored(new) if not _read_before(one, name)}
    return [new]


def _read_before(loop: ast.For | ast.AsyncFor | ast.While, name: str) -> bool:
    """Whether a loop reads a name that it sets before it has set it: a sum, or a list."""
    if isinstance(loop, ast.For) and name in set(stored(loop.target)):
        return False
    for one in loop.body:
        if name in loads(one) or (isinstance(one, ast.AugAssign) and name in set(stored(one))):
            return True
        if name in set(stored(one)) and not isinstance(one, ast.If | ast.For | ast.While):
            return False
    return True


def _with(of: Slice, one: ast.With | ast.AsyncWith) -> list[ast.stmt]:
    body = _block(of, one.body)
    kept = [item for item in one.items if any(word in ast.unparse(item.context_expr) for word in KEEPS_GRADIENTS)]
    if not body or not kept:
        return body
    return [ast.copy_location(ast.With([copy.deepcopy(item) for item in kept], body), one)]


def _definition(of: Slice, one: ast.FunctionDef | ast.Import | ast.ImportFrom) -> list[ast.stmt]:
    names = defines(one)
    if not names & of.needed:
        return []
    of.needed -= names
    return _kept(of, one) if isinstance(one, ast.FunctionDef) else [one]


def defines(one: ast.FunctionDef | ast.Import | ast.ImportFrom) -> set[str]:
    """The names that a definition or an import gives."""
    return {one.name} if isinstance(one, ast.FunctionDef) else {n.asname or n.name.split(".")[0] for n in one.names}


def _replaced(of: Slice, node: ast.AST) -> Any:  # noqa: ANN401 - a node of the same kind
    """Return a copy in which what cannot be made here is a name, and put down what that stands for."""
    _mark(of, node)
    return _Names(of).visit(copy.deepcopy(node))


def _mark(of: Slice, node: ast.AST) -> None:
    """Mark the largest parts of a node that cannot be made: what a copy of it stands for is told nowhere."""
    if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store):
        node.foreign = of.things.foreign(node)  # type: ignore[attr-defined]
        if node.foreign:  # type: ignore[attr-defined]
            of._origins.setdefault(ast.unparse(node), node)
            return
    for child in ast.iter_child_nodes(node):
        _mark(of, child)


class _Names(ast.NodeTransformer):
    def __init__(self, of: Slice) -> None:
        self._of = of

    def visit(self, node: ast.AST) -> ast.AST:
        if not getattr(node, "foreign", False):
            return self.generic_visit(node)
        assert isinstance(node, ast.expr), "only an expression has a value"
        text = ast.unparse(node)
        if text not in self._of._names:
            name, taken = name_of(node), {*self._of._names.values(), *self._of.made}
            while name in taken:
                name += "_"
            self._of._names[text] = name
            self._of.made[name] = self._of._origins.get(text, node)
        return ast.copy_location(ast.Name(self._of._names[text], ast.Load()), node)


def name_of(node: ast.expr) -> str:
    """Return what an expression would be called: `batch["labels"]` labels, `self.teacher(x).logits` teacher_logits."""
    if isinstance(node, ast.Attribute) and setting(node.attr) is not None:
        return node.attr
    words: list[str] = []
    over: ast.expr = node
    while True:
        if isinstance(over, ast.Call):
            over = over.func
        elif isinstance(over, ast.Attribute):
            words.insert(0, over.attr)
            over = over.value
        elif isinstance(over, ast.Subscript):
            key = over.slice.value if isinstance(over.slice, ast.Constant) else ""
            if isinstance(key, str) and (says_labels(key or "x") or key in MASKS):
                return key
            words.insert(0, str(key))
            over = over.value
        else:
            break
    if isinstance(over, ast.Name) and over.id not in ("self", "cls"):
        words.insert(0, over.id)
    if words and (says_labels(words[-1]) or words[-1] in MASKS):
        return words[-1]
    plain = [word for one in words for word in tokens("".join(c if c.isalnum() else "_" for c in one))]
    plain = [word for word in plain if word not in ("forward", "module", "get", "pop")]
    return "_".join(plain) if plain and not plain[0][0].isdigit() else f"value_{'_'.join(plain)}"


def _graphs(value: ast.expr) -> Any:  # noqa: ANN401 - an expression
    """A loss as it is before it is made a plain number."""
    return _Plainly().visit(value)


class _Plainly(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in ("item", "cpu", "tolist", "numpy")
            and not node.args
        ):
            return node.func.value
        return node


def stored(node: ast.AST) -> Iterator[str]:
    """The names that a statement sets, or of which it sets a part."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        elif isinstance(one, ast.Subscript) and isinstance(one.ctx, ast.Store) and isinstance(one.value, ast.Name):
            yield one.value.id


def loads(node: ast.AST) -> set[str]:
    """The names that are read, but for those that a comprehension or a function in it sets."""
    inner = {
        arg.arg for one in ast.walk(node) if isinstance(one, ast.arguments) for arg in (*one.args, *one.kwonlyargs)
    }
    for one in ast.walk(node):
        if isinstance(one, ast.comprehension):
            inner |= set(stored(one.target))
    loads = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    changed = {
        one.target.id for one in ast.walk(node) if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Name)
    }
    if isinstance(node, ast.FunctionDef):
        inner |= set(stored(node))
    return (loads | changed) - inner


def in_order(node: ast.AST) -> list[str]:
    """The names that are read, in the order in which they stand."""
    free = loads(node)
    named = [one for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in free]
    named.sort(key=lambda one: (getattr(one, "lineno", 0), getattr(one, "col_offset", 0)))
    return list(dict.fromkeys(one.id for one in named))


def _changes(value: ast.expr) -> set[str]:
    """What a call changes in place."""
    called = value.func if isinstance(value, ast.Call) else None
    if not (isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)):
        return set()
    return {called.value.id} if called.attr in CHANGES or called.attr.endswith("_") else set()
