"""Globals that a function reads and nobody sets where it is imported: what its program sets before it calls it.

`model`, `optimizer` and `args` of a loop are often names of the program that it is in. They are given as parameters
are: each becomes one, by its name, which may be left out.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


class Free:
    """The default of a parameter that is a global of the function."""

    def __repr__(self) -> str:
        return "a global"


FREE = Free()


def is_free(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is a global that nobody has set."""
    return parameter.default is FREE


def opened(target: Any) -> Any:  # noqa: ANN401 - what was named
    """Return a function whose lacking globals are parameters too, by name; anything else, and one that lacks none, as
    it is.
    """
    # a decorator of another file, `@torch.no_grad()`, has globals of its own
    inner = inspect.unwrap(target) if isinstance(target, FunctionType) else target
    if not isinstance(target, FunctionType) or not isinstance(inner, FunctionType):
        return target
    names = [name for name in lacking(inner) if name not in inspect.signature(target).parameters]
    if not names:
        return target
    space = inner.__globals__

    @functools.wraps(target)
    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        for name in names:
            value = named.pop(name, FREE)
            if value is not FREE:
                space[name] = value
        return target(*given, **named)

    own = inspect.signature(target)
    last = [p for p in own.parameters.values() if p.kind is p.VAR_KEYWORD]
    free = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=FREE) for name in names]
    every = [*(p for p in own.parameters.values() if p not in last), *free, *last]
    setattr(called, "__signature__", own.replace(parameters=every))  # noqa: B010 - it is no attribute of functions
    return called


def lacking(function: Callable[..., Any]) -> list[str]:
    """Return the globals that a function, or one of its module that it calls, reads and that are not set."""
    assert isinstance(function, FunctionType), "only a function of Python has globals"
    space, seen, left = function.__globals__, set[CodeType](), [function.__code__]
    found: dict[str, None] = {}
    text = _file_of(function)
    while left:
        code = left.pop(0)
        if code in seen:
            continue
        seen.add(code)
        for name in _reads(code):
            if (name not in space and not hasattr(builtins, name) and _sets(text, name)) or (
                # `import model` above, `model = model.Model()` below
                isinstance(space.get(name), ModuleType)
                and re.search(rf"^{re.escape(name)} *= *{re.escape(name)}\.", text, re.MULTILINE)
            ):
                found[name] = None
            inner = inspect.unwrap(space[name]) if callable(space.get(name)) else None
            if isinstance(inner, FunctionType) and inner.__globals__ is space:
                left.append(inner.__code__)
    return list(found)


def _sets(text: str, name: str) -> bool:
    """Whether a file assigns a name anywhere: one that stands nowhere else is an error of its own."""
    one = rf"\b{re.escape(name)}\b"
    forms = (
        rf"^[ \t]*(?:global |nonlocal )?[\w, ]*{one}[\w, ]*(?::[^=\n]*)?=[^=]",
        rf"\bfor [\w, ()]*{one}",
        rf"\bas {one}",
        rf"\bdef \w+\([^)]*{one}",
    )
    return any(re.search(form, text, re.MULTILINE) for form in forms)


def _file_of(function: FunctionType) -> str:
    try:
        return Path(function.__code__.co_filename).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _reads(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and isinstance(step.argval, str):
            yield step.argval
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _reads(one)
