"""A loss that takes one thing which holds both sides: a batch, a dataclass, a pair. It is read, and called, as one that
takes what is in it.

What is in it is told by how the source reads it: ``batch["student_logits"]``, ``pair.teacher_logits``,
``output, soft_labels = both``. Only what holds a student's and a teacher's side by name is opened so.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from types import FunctionType
from typing import Any

from sad.judge.dicts import Batch
from sad.judge.losses.configured import own_classes
from sad.judge.losses.constructor import called_of
from sad.judge.names import is_state
from sad.judge.roles import Role, setting, side_of
from sad.judge.texts import tree_of

QUIET = {"to", "cuda", "cpu"}
"""Methods of a holder that change nothing of what is in it."""
TAKES = {"get", "pop"}


@dataclass(frozen=True, slots=True)
class Holder:
    """What a parameter holds: the entries by name, in order; those that may be absent; by position in a tuple, or as an
    object of ``of``.
    """

    entries: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    by_place: bool = False
    of: type | None = None

    def made(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever holds them
        """Return the thing that holds these values."""
        if self.by_place:
            return tuple(values[name] for name in self.entries)
        there = {name: value for name, value in values.items() if name not in self.optional or value is not None}
        return Batch(there) if self.of is None else self.of(**there)


def opened(target: Any) -> Any:  # noqa: ANN401 - whatever was named
    """Return a function, or a class, that takes what the target's one holder holds, one by one; else the target."""
    function = called_of(target) if isinstance(target, type) else target
    if not inspect.isfunction(function) or hasattr(function, "__wrapped__"):
        return target
    every = list(inspect.signature(function).parameters.values())
    told = _told(function)
    if told is None:
        return target
    name, holder = told
    inside = [Parameter(e, Parameter.KEYWORD_ONLY, **_default(e in holder.optional)) for e in holder.entries]
    if {p.name for p in every} & set(holder.entries):
        return target
    at = [p.name for p in every].index(name)
    run = _calling(function, name, holder, Signature(_by_name([*every[:at], *inside, *every[at + 1 :]])))
    if not isinstance(target, type):
        return run
    method = "__call__" if called_of(target) is target.__dict__.get("__call__") else "forward"
    kept = {"__module__": target.__module__, "__qualname__": target.__qualname__, "__doc__": target.__doc__}
    return type(target)(target.__name__, (target,), {method: run, **kept})


def _calling(function: Callable[..., Any], name: str, holder: Holder, signature: Signature) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - what the function takes and returns
        values = dict(zip(signature.parameters, given, strict=False)) | named
        inside = {entry: values.pop(entry) for entry in holder.entries if entry in values}
        first = [values.pop(one) for one in ("self", "cls") if one in values]
        return function(*first, **values, **{name: holder.made(inside)})

    run.__signature__ = signature  # type: ignore[attr-defined]
    return run


def _default(optional: bool) -> dict[str, None]:
    return {"default": None} if optional else {}


def _by_name(every: Sequence[Parameter]) -> list[Parameter]:
    """The parameters, all of which but ``self`` are given by name."""
    kinds = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    first = [p for p in every[:1] if p.name in ("self", "cls")]
    return [*first, *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in every if p not in first and p.kind not in kinds)]


@functools.lru_cache(maxsize=256)
def _told(function: FunctionType) -> tuple[str, Holder] | None:
    """The one parameter that holds both sides; None where there is none, or several, or a side stands beside it."""
    every = list(inspect.signature(function).parameters.values())
    try:
        tree = tree_of(function)
    except (OSError, SyntaxError, TypeError):
        return None
    beside = [p for p in every if p.name not in ("self", "cls") and p.default is Parameter.empty]
    classes = own_classes(function, every, "")
    found = {p.name: held for p in beside if (held := _held(tree, p.name, classes.get(p.name))) is not None}
    if len(found) != 1 or any(side_of(p.name) and setting(p.name) is None for p in beside if p.name not in found):
        return None
    return next(iter(found.items()))


def _held(tree: ast.AST, name: str, of: type | None) -> Holder | None:
    """What a parameter holds; None where it does not hold both sides, or is handed on whole."""
    uses = [(parent, node) for parent in ast.walk(tree) for node in ast.iter_child_nodes(parent) if _is(node, name)]
    places = next((told for parent, node in uses if (told := _places(parent, node))), [])
    if places and of is not None:
        return _object(of, inspect.signature(of).parameters)
    if places:
        # of a tuple that is unpacked all is known, whatever else is done with it
        keyed = any(isinstance(parent, ast.Attribute) for parent, _ in uses)
        return Holder(tuple(places), by_place=True) if _both(places, by_place=True) and not keyed else None
    read: dict[str, bool] = {}
    for parent, _ in uses:
        entries = _entries(parent)
        if entries is None:
            return None
        read |= entries
    read |= dict.fromkeys((n for n in _taken(tree, name) if n not in read), False)
    if of is not None:
        return _object(of, read)
    optional = frozenset(n for n, sure in read.items() if not sure)
    return Holder(tuple(read), optional) if _both(read, by_place=False) else None


def _object(of: type, read: Iterable[str]) -> Holder | None:
    """What an object holds of which this is read; what its own methods read beside that keeps its default."""
    fields = inspect.signature(of).parameters
    if not all(n in fields or hasattr(of, n) for n in read):
        return None
    optional = frozenset(n for n, f in fields.items() if f.default is not Parameter.empty)
    entries = tuple(n for n in fields if n in read or n not in optional)
    return Holder(entries, optional, of=of) if _both(entries, by_place=False) else None


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _places(parent: ast.AST, node: ast.AST) -> list[str]:
    """The names that a parameter is unpacked into; none where this is no such line."""
    return _names(parent.targets[0]) if isinstance(parent, ast.Assign) and parent.value is node else []


def _entries(parent: ast.AST) -> dict[str, bool] | None:
    """What of it is read here; None where what is done with the whole may read more of it."""
    if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant):
        return {parent.slice.value: True} if isinstance(parent.slice.value, str) else None
    if isinstance(parent, ast.Attribute):
        return {} if parent.attr in QUIET | TAKES else {parent.attr: True}
    return {} if _asks(parent) else None


def _taken(tree: ast.AST, name: str) -> list[str]:
    """What is read by ``.get("name")`` or ``.pop("name")``: it may be absent."""
    told = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    keys = [n.args[0] for n in told if ast.unparse(n.func) in {f"{name}.{way}" for way in TAKES} and n.args]
    return [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def _names(target: ast.expr) -> list[str]:
    """The names that a tuple is unpacked into, two or three; none for anything else."""
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else []
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) and 2 <= len(names) <= 3 else []


def _asks(parent: ast.AST) -> bool:
    """Whether a holder is only asked what it is: ``"labels" in batch``, ``isinstance(batch, dict)``, ``len(pair)``."""
    asked = isinstance(parent, ast.Call) and ast.unparse(parent.func) in ("isinstance", "type", "len")
    return asked or isinstance(parent, ast.Compare | ast.arg)


def _both(names: Iterable[str], *, by_place: bool) -> bool:
    """Whether names say a student's and a teacher's side; of two that are unpacked, the second's name is enough."""
    sides = [side_of(name) if is_state(name) and setting(name) is None else None for name in names]
    first_open = by_place and sides and sides[0] is None
    return Role.TEACHER in sides and (Role.STUDENT in sides or bool(first_open))
