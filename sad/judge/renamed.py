"""Functions and classes whose parameters are told (`--given`): a value is given, another name is taken for its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from sad.judge import told
from sad.judge.callers import installed


@contextmanager
def renamed(target: Any, owner: type | None) -> Iterator[Any]:  # noqa: ANN401 - what was named
    """Return what was named, with the parameters that it is read by; classes have theirs for as long as it is open."""
    kept: list[tuple[type, str, Any]] = []
    of = target if isinstance(target, type) else owner
    for base in of.__mro__ if of is not None else ():
        for name, one in list(vars(base).items()):
            if isinstance(one, FunctionType) and (made := _told(one, method=True)) is not one:
                kept.append((base, name, one))
                setattr(base, name, made)
    function = target
    if isinstance(target, FunctionType):
        function = _told(target, method=owner is not None)
    try:
        yield function
    finally:
        for base, name, one in kept:
            setattr(base, name, one)


def _told(function: FunctionType, *, method: bool) -> Any:  # noqa: ANN401 - the same, or what stands for it
    """Return a function that takes the names which its parameters are read as, and not those that have a value.

    A method is called by its own class too, in the order in which it was written: that stays.
    """
    if installed(inspect.unwrap(function).__code__.co_filename):
        return function
    own = inspect.signature(function)
    said = told.parameters(own.parameters)
    if not said:
        return function
    values = {name: one.value for name, one in said.items() if not one.alias}
    names = {one.alias: name for name, one in said.items() if one.alias}
    shown = own.replace(parameters=_shown(own, said))

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        bound = own.bind_partial(*given, **_own(names, named)) if method else own.bind_partial()
        if not method:
            bound.arguments |= _own(names, shown.bind_partial(*given, **named).arguments)
        bound.arguments |= {name: value for name, value in values.items() if name not in bound.arguments}
        return function(*bound.args, **bound.kwargs)

    called.__signature__ = shown  # type: ignore[attr-defined]
    return called


def _own(names: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in given.items()}


def _shown(own: inspect.Signature, said: Mapping[str, told.Told]) -> list[inspect.Parameter]:
    """The parameters that are left to be read; one that is told by another name must be given, whatever its default."""
    shown = [
        one if name not in said else one.replace(name=said[name].alias, default=one.empty)
        for name, one in own.parameters.items()
        if name not in said or said[name].alias
    ]
    # none without a default may stand behind one that has one
    return sorted(shown, key=lambda one: (one.kind, one.default is not one.empty))
