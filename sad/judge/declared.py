"""What the settings of a program are where nobody says otherwise: the fields of their class, or of a command line.

`config: TrainConfig` says what `config.num_workers` is, and `parser.add_argument("--num_workers", default=4)` what
`args.num_workers` is. Nothing of it is run but the class, which was run where it was imported.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from sad.judge.callers import installed

OF_SETTINGS = re.compile(r"\w*(Config|Configuration|Args|Arguments|Settings|Hparams|HParams|Params|Options)")
"""What the name of a class of settings is like, where a parameter has no annotation."""
READS = re.compile(r"(parse|get|read)\w*_arg|arg\w*_pars")
"""The name of a function that reads a command line."""
PLAIN = (int, float, str, list, tuple, dict, type(None))
"""Kinds of values that are taken over; switches are not: they stay off."""


def declared(parameter: inspect.Parameter, target: Any) -> Mapping[str, Any]:  # noqa: ANN401 - what has the parameter
    """Return the settings that are declared for an object of settings, by their names in lower case, none for nothing.

    First comes the class that annotates the parameter, then the only class of settings in the file, then its command
    line.
    """
    space = _space(target)
    annotated = _class(parameter.annotation, space)
    if annotated is not None:
        return members(annotated)
    own = [one for one in space.values() if isinstance(one, type) and one.__module__ == space.get("__name__")]
    named = [one for one in own if OF_SETTINGS.fullmatch(one.__name__)]
    if len(named) == 1:
        return members(named[0])
    # a command line of its own, or one that it imports: `from arguments import get_args`
    makes = [one for name, one in space.items() if isinstance(one, FunctionType) and READS.search(name)]
    files = [one.__code__.co_filename for one in makes if not installed(one.__code__.co_filename)]
    found: dict[str, Any] = {}
    for file in (*files, str(space.get("__file__") or "")):
        found |= _arguments(file)
    return found


def members(of: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a class, or an object of one
    """Return what the fields of a class are where nobody sets them, or what those of an object are."""
    found: dict[str, Any] = {}
    kind = of if isinstance(of, type) else type(of)
    for base in reversed(kind.__mro__[:-1]):
        found |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    if is_dataclass(kind):
        found |= {one.name: one.default_factory() for one in fields(kind) if one.default_factory is not MISSING}
    if not isinstance(of, type):
        found |= of if isinstance(of, Mapping) else vars(of)
    return {str(name).lower(): value for name, value in found.items() if _is_value(value)}


def is_section(value: object) -> bool:
    """Whether a declared value is a group of settings itself."""
    return isinstance(value, Mapping) or not isinstance(value, PLAIN)


def _is_value(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, PLAIN) or is_dataclass(value)


def _space(target: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """The names of the file that something stands in."""
    inner = inspect.unwrap(target) if callable(target) else target
    if isinstance(inner, FunctionType):
        return inner.__globals__
    module = sys.modules.get(getattr(inner, "__module__", "") or "")
    return vars(module) if module is not None else {}


def _class(annotation: Any, space: Mapping[str, Any]) -> type | None:  # noqa: ANN401 - whatever stands there
    """The class that an annotation names, `Optional[…]` and quotes aside; None for none, and for those of Python."""
    if isinstance(annotation, str):
        name = re.sub(r"^Optional\[(.*)\]$|\s*\|\s*None$", r"\1", annotation.strip("'\" "))
        annotation = space.get(name)
    inner = [one for one in getattr(annotation, "__args__", ()) if one is not type(None)]
    found = inner[0] if len(inner) == 1 else annotation
    if not isinstance(found, type) or found.__module__ in ("builtins", "typing", "argparse", "inspect", "types"):
        return None
    return found


@cache
def _arguments(file: str) -> Mapping[str, Any]:
    """The defaults of the command line that a file defines."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    return dict(_declared_in(tree))


def _declared_in(tree: ast.AST) -> Iterator[tuple[str, Any]]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or getattr(call.func, "attr", "") != "add_argument":
            continue
        given = {one.arg: one.value for one in call.keywords}
        flags = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        long = [flag for flag in flags if flag.startswith("--")]
        if not long or "required" in given or "action" in given:
            continue
        try:
            name = ast.literal_eval(given["dest"]) if "dest" in given else long[0].lstrip("-").replace("-", "_")
            value = ast.literal_eval(given["default"]) if "default" in given else None
        except ValueError:
            # it is computed
            continue
        if _is_value(value):
            yield str(name).lower(), value
