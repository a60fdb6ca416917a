"""Functions and classes whose parameters are told (`--given`): a value is given, another name is taken for its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from sad.errors import UserError
from sad.judge import told
from sad.judge.callers import installed

ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""Parameters that stand for any number of them."""


@contextmanager
def renamed(target: Any, owner: type | None) -> Iterator[Any]:  # noqa: ANN401 - what was named
    """Return what was named, with the parameters that it is read by; classes have theirs for as long as it is open."""
    kept: list[tuple[type, str, Any]] = []
    # the methods of an object that was made are its class's
    of = target if isinstance(target, type) else owner or type(target)
    for base in of.__mro__:
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
    said = told.parameters(name for name, one in own.parameters.items() if one.kind not in ANY)
    if not said:
        return function
    values = {name: one.value for name, one in said.items() if not one.alias}
    names = {one.alias: name for name, one in said.items() if one.alias}
    shown = own.replace(parameters=_shown(own, said))
    alone = [name for name, one in own.parameters.items() if one.kind is one.POSITIONAL_ONLY]

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        if method:
            named = _own(names, named)
            by_place = {name: named.pop(name) for name in alone if name in named}
            bound = own.bind_partial(*given, **named)
            bound.arguments |= by_place
        else:
            bound = own.bind_partial()
            bound.arguments |= _own(names, shown.bind_partial(*given, **named).arguments)
        bound.arguments |= {name: value for name, value in values.items() if name not in bound.arguments}
        # what is behind one that is left out can be by place alone
        bound.apply_defaults()
        return function(*bound.args, **bound.kwargs)

    called.__signature__ = shown  # type: ignore[attr-defined]
    return called


def _own(names: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in given.items()}


def _shown(own: inspect.Signature, said: Mapping[str, told.Told]) -> list[inspect.Parameter]:
    """The parameters that are left to be read, each by its name too; one that is told by another name must be given,
    whatever its default. Raises UserError where two would have one name.
    """
    shown: list[inspect.Parameter] = []
    for name, one in own.parameters.items():
        told_of = said.get(name)
        if told_of is not None and not told_of.alias:
            continue
        kind = one.POSITIONAL_OR_KEYWORD if one.kind is one.POSITIONAL_ONLY else one.kind
        read = one.replace(kind=kind)
        shown.append(read if told_of is None else read.replace(name=told_of.alias, default=one.empty))
    names = [one.name for one in shown]
    if twice := next((name for name, one in said.items() if names.count(one.alias) > 1), None):
        alias = said[twice].alias
        raise UserError(f"--given {twice}={alias}: another parameter is {alias} too: say what each is, or leave it out")
    # none without a default may stand behind one that has one
    return sorted(shown, key=lambda one: (one.kind, one.default is not one.empty))
