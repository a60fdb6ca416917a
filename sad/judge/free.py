"""Globals that a function reads and nobody sets where it is imported: what its program sets before it calls it.

`model`, `optimizer` and `args` of a loop are often names of the program that it is in. They are given as parameters
are: each becomes one, by its name, which may be left out. So do the constants of a program that are settings, and its
function that draws a batch out of a corpus.
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

from sad.judge.texts import text_of
from sad.judge.windows import windowed


class Free:
    """The default of a parameter that is a global of the function."""

    def __repr__(self) -> str:
        return "a global"


FREE = Free()


SETTING = re.compile(
    r"(max_?|n_?|num_?|train_?)*(epochs?|iters|iterations)|(learning_rate|lr)|\w*grad\w*_acc\w*|accum\w*|\w*_accum\w*"
    r"|(max_)?grad_(norm|clip)|clip_grad\w*|warmup_(steps|iters)|(eval|log|save)_(interval|every|freq|iters?)"
)
"""The name of a constant, in lower case, that a program sets for its loop."""
OVER = re.compile(r"epochs?$|iters$|iterations$")
"""How the name ends of one that counts only where a loop goes over it."""
DRAWS = re.compile(r"_?(get|next|sample)_(train_)?batch")
"""The name of a function that returns the next batch."""
AT_RANDOM = re.compile(r"randint|random|choice|randperm|sample_batch|next_batch")


def is_free(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is a global that nobody has set."""
    return parameter.default is FREE


def opened(target: Any) -> Any:  # noqa: ANN401 - what was named
    """Return a function whose lacking globals are parameters too, by name; anything else, and one that lacks none, as
    it is.
    """
    target = windowed(target, FREE)
    # a decorator of another file, `@torch.no_grad()`, has globals of its own
    inner = inspect.unwrap(target) if isinstance(target, FunctionType) else target
    if not isinstance(target, FunctionType) or not isinstance(inner, FunctionType):
        return target
    space = inner.__globals__
    free = [name for name in lacking(inner) if name not in inspect.signature(target).parameters]
    fixed = [name for name in _reads(inner.__code__) if name not in free and _is_setting(inner, name)]
    names = list(dict.fromkeys((*free, *fixed)))
    if not names:
        return target

    @functools.wraps(target)
    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        before = {name: space[name] for name in names if name not in free}
        for name in names:
            value = named.pop(name, FREE)
            if value is not FREE:
                space[name] = value
        try:
            return target(*given, **named)
        finally:
            space.update(before)

    own = inspect.signature(target)
    last = [p for p in own.parameters.values() if p.kind is p.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=FREE if name in free else space[name])
        for name in names
        if name not in own.parameters
    ]
    every = [*(p for p in own.parameters.values() if p not in last), *more, *last]
    setattr(called, "__signature__", own.replace(parameters=every))  # noqa: B010 - it is no attribute of functions
    return called


def _is_setting(function: FunctionType, name: str) -> bool:
    """Whether a global of a function is a setting of its loop, or a function that draws the next batch."""
    value, lower = function.__globals__.get(name), name.lower()
    if isinstance(value, FunctionType) and DRAWS.fullmatch(lower) and not _installed(value):
        return _draws(value.__code__)
    if isinstance(value, bool) or not isinstance(value, int | float) or not SETTING.fullmatch(lower):
        return False
    text = text_of(function)
    over = rf"\brange\([^\n]*\b{re.escape(name)}\b|[<>]=?\s*{re.escape(name)}\b"
    return not OVER.search(lower) or bool(re.search(over, text))


def _installed(function: FunctionType) -> bool:
    return "-packages" in function.__code__.co_filename


def _draws(code: CodeType) -> bool:
    """Whether a function draws at random."""
    return any(AT_RANDOM.fullmatch(name) for name in code.co_names)


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
            if isinstance(space.get(name), FunctionType) and _is_setting(function, name):
                # what is given in its place reads nothing
                continue
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
