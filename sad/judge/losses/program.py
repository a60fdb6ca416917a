"""What the program around a loss sets before it is called: the models and settings among the globals that it reads."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from sad.judge.free import lacking
from sad.judge.losses.values import Values
from sad.judge.names import MINE, MODELS, TEACHER_MODELS, THEIRS, tokens
from sad.judge.stand_in import NeedsAdapterError, found

NETS = {"model", "net", "network"}


@contextmanager
def set_around(target: Any, owner: type | None, values: Values) -> Iterator[None]:  # noqa: ANN401 - what was named
    """Set the globals that a loss, or a method of its class, reads and that nothing sets, for as long as it runs.

    ``teacher`` and ``student_model`` are models, settings are those of the call; a name that is none of them is left.
    """
    # an object of the user's own may have no hash
    names = _lacking(target if isinstance(target, FunctionType | type) else type(target), owner)
    for space, name in names:
        try:
            space[name] = _meant(name, values)
        except NeedsAdapterError:
            continue
    try:
        yield
    finally:
        for space, name in names:
            space.pop(name, None)


def _meant(name: str, values: Values) -> Any:  # noqa: ANN401 - a model or a setting
    """Return what a global is by its name. Raises ``NeedsAdapterError`` where it tells nothing."""
    asked, lower, words = values.call.asked, "_".join(tokens(name)), set(tokens(name))
    if lower in TEACHER_MODELS or (words & NETS and words & THEIRS):
        asked.globals[name] = "a model that returns the teacher's logits"
        return values.teacher_model()
    if lower in MODELS or (words & NETS and words & MINE):
        asked.globals[name] = "a model that returns the student's logits"
        return values.model()
    return found(name, "the program's", values.settings, asked)


@functools.cache
def _lacking(target: Any, owner: type | None) -> list[tuple[dict[str, Any], str]]:  # noqa: ANN401 - what was named
    """The globals that are lacking, each with the module that it is looked up in."""
    of = owner or (target if isinstance(target, type) else None)
    every = [inspect.unwrap(one) for one in (target, *(vars(of).values() if of else ())) if callable(one)]
    functions = [one for one in every if isinstance(one, FunctionType)]
    # the same name in two methods is one
    found = {(id(one.__globals__), name): one.__globals__ for one in functions for name in lacking(one)}
    return [(space, name) for (_, name), space in found.items()]
