"""Reads from the source of a constructor what it keeps, losses of torch and constants: the object is not built."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import Parameter
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from sad.judge.losses.configured import own_defaults
from sad.judge.losses.words import word_for
from sad.judge.names import MODELS, OBJECTS, SMOOTH, TEACHER_MODELS, tokens
from sad.judge.roles import Role, setting
from sad.judge.texts import text_of, tree_of

OWN = re.compile(r"loss|kl|diverg|distil|criterion", re.IGNORECASE)
"""Names of classes that are losses."""
HANDED = re.compile(r"(\w+)(?:\.(?:to|cuda|cpu)\([^()]*\))?$")
"""What is kept as it was handed, but for where it is."""


@functools.cache
def kept_losses(of: type) -> Mapping[str, Any]:
    """Return the attributes that are made as ``self.name = nn.KLDivLoss(...)``, with constants alone as arguments; and
    the losses of its own that can be made with nothing: they are, with their defaults.
    """
    found: dict[str, Any] = {}
    given: dict[str, nn.Module] = {}
    kept: dict[str, str] = {}
    for base, made, tree in _constructors(of):
        every = inspect.signature(made).parameters.values()
        # a base keeps what it is handed: the default of the class itself counts
        given |= {p.name: p.default for p in every if isinstance(p.default, nn.Module) and _of_torch(type(p.default))}
        kept |= {name: told[1] for name, value in _plain(tree) if (told := HANDED.match(ast.unparse(value)))}
        names = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        found |= _looked_up(tree, every, names)
        for name, call in _assigned(tree):
            kind = _named(call.func, names)
            if isinstance(kind, type) and OWN.search(kind.__name__) and not kind.__module__.startswith("torch."):
                try:
                    found[name] = kind()
                except Exception:
                    # it needs more
                    continue
            if isinstance(kind, type) and _of_torch(kind):
                try:
                    arguments = [ast.literal_eval(one) for one in call.args]
                    found[name] = kind(*arguments, **{k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg})
                except (ValueError, TypeError):
                    continue
    handed = {name: given[parameter] for name, parameter in kept.items() if parameter in given}
    return MappingProxyType(handed | found)


def _looked_up(tree: ast.AST, parameters: Iterable[Parameter], names: Mapping[str, Any]) -> dict[str, nn.Module]:
    """The losses of torch that a table of the module has under the default of a parameter: ``losses[kind]``, or
    ``losses.get(kind, mse)``.
    """
    found = {}
    defaults = {p.name: p.default for p in parameters if isinstance(p.default, str | int)}
    for name, value in _plain(tree):
        if isinstance(value, ast.Subscript):
            table, key = value.value, value.slice
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get":
            table, key = value.func.value, value.args[0] if value.args else value
        else:
            continue
        told = _named(table, dict(names))
        of = told.get(defaults.get(key.id)) if isinstance(told, dict) and isinstance(key, ast.Name) else None
        if isinstance(of, nn.Module) and _of_torch(type(of)):
            found[name] = of
    return found


def _of_torch(kind: type) -> bool:
    """Whether it is a loss of torch."""
    return issubclass(kind, nn.Module) and kind.__module__ == nn.KLDivLoss.__module__


def _constructors(of: type) -> Iterator[tuple[type, Callable[..., Any], ast.AST]]:
    """The classes whose constructors have a source, each with it: the base first, so that what is set later counts."""
    for base in reversed(of.__mro__):
        made = base.__dict__.get("__init__")
        if not inspect.isfunction(made):
            continue
        try:
            yield base, made, tree_of(made)
        except (OSError, SyntaxError):
            continue


def _assigned(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        value: ast.expr = node.value
        if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.Or):
            # what may be given, or its default
            value = value.values[-1]
        elif isinstance(value, ast.IfExp):
            value = value.orelse if isinstance(value.orelse, ast.Call) else value.body
        for target in node.targets if isinstance(value, ast.Call) else ():
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                assert isinstance(value, ast.Call)
                yield target.attr, value


def _named(node: ast.expr, names: dict[str, object]) -> object:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    return getattr(_named(node.value, names), node.attr, None) if isinstance(node, ast.Attribute) else None


@functools.cache
def constants_of(of: type) -> Mapping[str, object]:
    """Return what a constructor sets its attributes to that is plain: a constant, a parameter that has a default, or
    a field of a configuration of the user's own that has one.
    """
    found: dict[str, object] = {}
    for base, made, tree in _constructors(of):
        configs = own_defaults(made, vars(sys.modules.get(base.__module__, inspect)))
        defaults = {
            p.name: p.default
            for p in inspect.signature(made).parameters.values()
            if isinstance(p.default, bool | int | float | str | tuple)
        }
        own: dict[str, list[object]] = {}
        for name, value in _plain(tree):
            if isinstance(value, ast.Name) and value.id in defaults:
                own.setdefault(name, []).append(defaults[value.id])
            elif isinstance(value, ast.Constant) and value.value is not None:
                own.setdefault(name, []).append(value.value)
            elif isinstance(value, ast.Attribute) and value.attr in (
                known := configs.get(ast.unparse(value.value), {})
            ):
                own.setdefault(name, []).append(known[value.attr])
            elif (worked := _worked_out(value, defaults)) is not None:
                own.setdefault(name, []).append(worked)
        # what is set twice depends on something: no constant
        found = {name: value for name, value in found.items() if name not in own}
        found |= {name: values[0] for name, values in own.items() if len(set(map(repr, values))) == 1}
    # what another method turns on, or counts, is on while it trains
    found |= dict.fromkeys((n for n, value in found.items() if value is False and _turned(of, n, "=\\s*True")), True)
    counts = (n for n, value in found.items() if value == 0 and type(value) is int and _turned(of, n, "\\+="))
    return MappingProxyType(found | dict.fromkeys(counts, 1))


@functools.cache
def configs_of(of: type) -> Mapping[str, Mapping[str, object]]:
    """Return the defaults of the user's own configurations that a constructor is given, by where they are kept."""
    found: dict[str, Mapping[str, object]] = {}
    for base, made, tree in _constructors(of):
        given = own_defaults(made, vars(sys.modules.get(base.__module__, inspect)))
        kept = {name: ast.unparse(value) for name, value in _plain(tree)}
        found |= given | {name: given[parameter] for name, parameter in kept.items() if parameter in given}
    return MappingProxyType(found)


def _turned(of: type, name: str, to: str) -> bool:
    """Whether some method of a class but its constructor sets an attribute to True, or adds to it."""
    methods = (m for n, m in vars(of).items() if n != "__init__" and inspect.isfunction(m))
    try:
        return any(re.search(rf"self\.{name}\s*{to}", text_of(method)) for method in methods)
    except (OSError, TypeError):
        return False


def _worked_out(value: ast.expr, defaults: Mapping[str, object]) -> object:
    """What ``float(x)``, ``str(x).lower()`` and ``settings.get("x", 1.0)`` come to, of parameters with defaults and of
    constants; None for anything else.
    """
    if isinstance(value, ast.Constant):
        return value.value
    if isinstance(value, ast.Name):
        return defaults.get(value.id)
    if not isinstance(value, ast.Call) or value.keywords:
        return None
    made = value.func
    if isinstance(made, ast.Name) and made.id == "getattr" and len(value.args) == 3:
        return _worked_out(value.args[2], {})
    if isinstance(made, ast.Name) and made.id in ("float", "int", "str", "bool") and len(value.args) == 1:
        inner = _worked_out(value.args[0], defaults)
        return None if inner is None else {"float": float, "int": int, "str": str, "bool": bool}[made.id](inner)
    if isinstance(made, ast.Attribute) and made.attr in ("lower", "upper", "strip") and not value.args:
        inner = _worked_out(made.value, defaults)
        return getattr(inner, made.attr)() if isinstance(inner, str) else None
    if isinstance(made, ast.Attribute) and made.attr == "get" and len(value.args) == 2:
        return _worked_out(value.args[1], {})
    return None


def _plain(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The attributes of self that are assigned, one by one or several at once, with what each is assigned."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for one, value in pairs:
                if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "self":
                    yield one.attr, value


LOGITS = re.compile(r"self\.(\w*logits)\b(?!\s*(?:\(|=[^=]))")
"""An attribute that is read as logits."""
SIDES = (({"student", "students", "stu"}, "student"), ({"teacher", "teachers"}, "teacher"))


def logits_kept(text: str, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
    """Return the logits that a method reads from its object, which another call has put there, by their names."""
    sides = {"student": student, "teacher": teacher}
    kept = {}
    for name in LOGITS.findall(text):
        told = [side for words, side in SIDES if words & set(tokens(name))]
        if len(told) == 1:
            kept[name] = sides[told[0]]
    return kept


def kept_roles(parameters: Iterable[Parameter], text: str = "") -> dict[str, Role]:
    """Return the roles of what a constructor must be given that is no setting of a divergence: a tokenizer, a model, a
    trainer, which few losses read; the smoothing of labels; a word that ``text``, the source, compares with others.
    """
    required = [p.name for p in parameters if p.default is Parameter.empty]
    smoothing = {name: Role.SMOOTHING for name in required if SMOOTH & set(tokens(name))}
    words = {name: Role.WORD for name in required if word_for(name, text, any_=True)}
    if "size" in required and any(SMOOTH & set(tokens(p.name)) for p in parameters):
        # a smoothed cross-entropy's classes, and the label that is none, unless that is a class too
        smoothing |= {"size": Role.VOCAB}
        is_class = re.search(r"\[\s*:\s*,\s*(?:self\.)?padding_idx\s*\]", text)
        smoothing |= {"padding_idx": Role.IGNORE} if "padding_idx" in required and not is_class else {}
    objects = {name: Role.OBJECT for name in required if name in OBJECTS | MODELS | {"teacher"}}
    called = {name for name in required if re.search(rf"self\.{name}\(", text)}
    if called & MODELS and called & TEACHER_MODELS:
        # it holds both models and runs them
        objects |= {name: Role.MODEL for name in required if name in MODELS}
        objects |= {name: Role.TEACHER_MODEL for name in required if name in TEACHER_MODELS}
    return smoothing | words | objects


def called_of(target: type) -> Callable[..., Any] | None:
    """Return what an object of a class runs when it is called: a module may define ``__call__`` and no ``forward``."""
    own = next((base.__dict__["__call__"] for base in target.__mro__ if "__call__" in base.__dict__), None)
    forward: Callable[..., Any] | None = getattr(target, "forward", None)
    unwritten = forward is None or forward is nn.Module.forward
    return own if unwritten and own is not nn.Module.__call__ else None if unwritten else forward


def without_it(target: type) -> Callable[..., Any] | None:
    """Return what an object of a class runs, where its constructor need not: what it reads of its object is found by
    name, or raises. None where a loss of torch is a base, that keeps what it is handed, or where a setting is not kept
    as it is given: ``self.temperature = 1 / temperature``.
    """
    kept = (one for _, _, tree in _constructors(target) for one in _plain(tree))
    turned = any(setting(name) is not None and _computes(value) for name, value in kept)
    of_torch = any(base.__module__ == nn.KLDivLoss.__module__ for base in target.__mro__)
    return None if turned or of_torch else called_of(target)


def _computes(value: ast.expr) -> bool:
    """Whether a number is made of what is given."""
    made = [one for one in ast.walk(value) if isinstance(one, ast.BinOp | ast.UnaryOp)]
    return any(isinstance(part, ast.Name) for one in made for part in ast.walk(one))


def methods_of(target: type) -> str:
    """Name the methods of a class that look like losses."""
    names = [
        n for n in vars(target) if any(w in n for w in ("loss", "kl", "jsd", "diverg")) and callable(getattr(target, n))
    ]
    return f"; name a method: {', '.join(names[:4])}" if names else ""


def parameters_made_of(target: type) -> list[Parameter]:
    """Return the parameters of a class's own constructor, without `self`."""
    made = inspect.getattr_static(target, "__init__")
    if made in (object.__init__, nn.Module.__init__):
        return []
    return list(inspect.signature(made).parameters.values())[1:]
