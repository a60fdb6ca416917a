"""Objects of a class of the user's own that a parameter is annotated with, or that its source checks with isinstance.

A stand-in with the usual settings is no object of that class: a loss that checks for one raises. So one is made, with
its defaults, and with the usual settings where it has numbers by their names.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import itertools
import re
import sys
import sysconfig
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from sad.judge import told
from sad.judge.losses.words import KIND
from sad.judge.names import tokens
from sad.judge.roles import Role, setting
from sad.judge.stand_in import Asked, NeedsAdapterError, Settings, found

NUMBERS = (Role.TEMPERATURE, Role.BETA, Role.OFF, Role.ON, Role.IGNORE)
"""Roles of fields that are given the usual setting in place of their default, where that is a number."""
LISTED = {"topk", "top", "sparse", "student", "draft", "aux"}
"""In the names of logits that are no whole row of the one side that is held."""
FEW = 6
"""Words that are tried for one field."""


def own_classes(function: Callable[..., Any], parameters: Iterable[inspect.Parameter], text: str) -> dict[str, type]:
    """Return the class of the user's own that each parameter must be an object of, by the parameter's name.

    Enumerations are among them; classes of installed packages only where the source checks with isinstance.
    """
    names = getattr(inspect.unwrap(function), "__globals__", {})
    classes = {}
    for parameter in parameters:
        checked = re.search(rf"isinstance\(\s*{parameter.name}\s*,\s*(\w+)\s*\)", text)
        of = names.get(checked[1]) if checked else None
        if not _plain(of):
            of = next((one for one in _annotated(parameter.annotation, names) if _plain(one) and _is_own(one)), None)
        if of is not None:
            classes[parameter.name] = of
    return classes


def roles_of(classes: Mapping[str, type], parameters: Iterable[inspect.Parameter]) -> dict[str, Role]:
    """Return the roles that these classes say: the kind of loss of an enumeration, a configuration by its class's name.

    A parameter with a default keeps it.
    """
    required = {p.name for p in parameters if p.default is inspect.Parameter.empty}
    told = {}
    for name in required & set(classes):
        of = classes[name]
        if issubclass(of, enum.Enum):
            told[name] = Role.WORD
        elif set(tokens(of.__name__)) & {"config", "cfg", "args", "arguments", "settings", "options", "params"}:
            told[name] = Role.CONFIG
    return told


def member(of: type[enum.Enum]) -> enum.Enum:
    """Return the member of an enumeration that asks for a divergence of logits; the first where none is known to."""
    every = list(of)
    named = {str(word).lower(): one for one in every for word in (one.value, one.name)}
    return next((named[word] for word in KIND if word in named), every[0])


def made(of: type, settings: Settings, asked: Asked) -> Any:  # noqa: ANN401 - an object of that class
    """Return an object of a class: the usual settings by their names, else its defaults.

    Raises NeedsAdapterError where it cannot be made so.
    """
    try:
        fields = list(inspect.signature(of).parameters.values())
    except (TypeError, ValueError):
        raise NeedsAdapterError(f"{of.__name__} has no signature to read") from None
    fields = [f for f in fields if f.kind not in (f.VAR_POSITIONAL, f.VAR_KEYWORD)]
    given: dict[str, Any] = {}
    words: dict[str, list[Any]] = {}
    for field in fields:
        if (value := told.value_of(field.name)) is not told.ABSENT:
            given[field.name] = value
            continue
        role, required = setting(field.name), field.default is inspect.Parameter.empty
        number = isinstance(field.default, int | float) and not isinstance(field.default, bool)
        if role in settings and (required or (number and role in NUMBERS)):
            given[field.name] = found(field.name, of.__name__, settings, asked)
        elif required:
            if known := _words(of, field, asked):
                words[field.name] = known
            else:
                given[field.name] = found(field.name, of.__name__, settings, asked)
    every = itertools.islice(itertools.product(*words.values()), FEW**2)
    tries = [given | dict(zip(words, chosen, strict=True)) for chosen in every]
    first: Exception | None = None
    # where its numbers have to fit each other, those that it has are left at their defaults
    kept = {field.name for field in fields if field.default is not inspect.Parameter.empty}
    for one in [*tries, *({n: v for n, v in one.items() if n not in kept} for one in tries)]:
        try:
            return of(**one)
        except Exception as error:
            first = first or error
    raise NeedsAdapterError(f"{of.__name__}() raised {type(first).__name__}: {str(first)[:120]}")


def own_defaults(made: Callable[..., Any], names: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Return the plain defaults of the user's own configurations that a constructor is annotated with, by parameter."""
    found: dict[str, dict[str, object]] = {}
    for parameter in inspect.signature(made).parameters.values():
        for of in _annotated(parameter.annotation, names):
            if _plain(of) and _is_own(of):
                found[parameter.name] = found.get(parameter.name, {}) | _defaults(of)
    return found


def _defaults(of: type) -> dict[str, object]:
    """The defaults of the fields of a dataclass, or of a model of pydantic, that are numbers, words or None."""
    fields = dataclasses.fields(of) if dataclasses.is_dataclass(of) else ()
    every = {field.name: field.default for field in fields}
    every |= {name: field.default for name, field in getattr(of, "model_fields", {}).items()}
    return {name: value for name, value in every.items() if isinstance(value, bool | int | float | str | None)}


def holding(of: type, logits: Tensor) -> Any:  # noqa: ANN401 - an object of that class
    """Return an object of a class that has logits, with these; None where it has none or needs what is not known."""
    try:
        fields = inspect.signature(of).parameters
        whole = [n for n in fields if tokens(n)[-1:] == ["logits"] and not LISTED & set(tokens(n))]
        if not whole:
            return None
        known = {"logits" if "logits" in whole else whole[0]: logits, "vocab_size": logits.shape[-1]}
        bare = {
            n for n, f in fields.items() if f.default is f.empty and f.kind not in (f.VAR_POSITIONAL, f.VAR_KEYWORD)
        }
        return of(**{name: known.get(name) for name in fields if name in known or name in bare})
    except Exception:
        return None


def _words(of: type, field: inspect.Parameter, asked: Asked) -> list[Any]:
    """The words that a field may be, the likeliest first: members, literals, or what a constant of its name lists."""
    module = sys.modules.get(of.__module__)
    names = vars(module) if module else {}
    kinds = _annotated(field.annotation, names)
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return [member(kind)]
    literal = [word for kind in kinds if typing.get_origin(kind) is typing.Literal for word in typing.get_args(kind)]
    if not literal and str not in kinds:
        return []
    if not literal and (told := asked.word(field.name)):
        return [told]
    stem = field.name.upper().rstrip("SEY")
    listed = literal or [
        word
        for name, value in names.items()
        if stem in name.upper() and isinstance(value, Collection) and not isinstance(value, str | bytes)
        for word in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)
        if isinstance(word, str)
    ]
    return sorted(dict.fromkeys(listed), key=lambda word: KIND.index(word) if word in KIND else len(KIND))[:FEW]


def _annotated(annotation: Any, names: Mapping[str, Any]) -> list[Any]:  # noqa: ANN401 - any annotation
    """The types that an annotation names, those of a union one by one; nothing of what cannot be read."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation.strip("'\""), dict(names))
        except Exception:
            return []
        if isinstance(annotation, str):
            return _annotated(annotation, names)
    if annotation is inspect.Parameter.empty:
        return []
    if isinstance(annotation, type) or typing.get_origin(annotation) is typing.Literal:
        return [annotation]
    return [one for part in typing.get_args(annotation) for one in _annotated(part, names)]


def _plain(of: object) -> bool:
    """Whether it is a class of which an object may be made here: no tensor, no module, no dict."""
    if not isinstance(of, type) or typing.is_typeddict(of) or issubclass(of, nn.Module | Mapping):
        return False
    return of.__module__.partition(".")[0] not in ("builtins", "torch", "typing", "collections", "numpy", "argparse")


def _is_own(of: type) -> bool:
    """Whether a class is of no installed package, nor of Python's own."""
    file = getattr(sys.modules.get(of.__module__), "__file__", None) or ""
    return bool(file) and "site-packages" not in file and not file.startswith(sysconfig.get_path("stdlib"))
