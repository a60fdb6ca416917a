"""What is read of code that could not be called: the named function or class, and what it calls in its own file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from sad.source.read import Place, of_text

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def of_target(where: str, name: str) -> list[Place]:
    """Return what the rules see in ``name`` of the file or module ``where``, and in what it uses of the same file.

    Nothing is imported. Empty where its file cannot be found or read.
    """
    file = _file(where)
    if file is None:
        return []
    try:
        text = file.read_text(encoding="utf-8-sig")
        tree = ast.parse(text)
        places = of_text(text, str(file))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    ranges = [(one.lineno, one.end_lineno or one.lineno) for one in _used(tree, name)]
    return [one for one in places if any(first <= one.line <= last for first, last in ranges)]


def _file(where: str) -> Path | None:
    if where.endswith(".py"):
        return Path(where)
    parts = where.split(".")
    for folder in ("", *sys.path):
        for file in (Path(folder, *parts).with_suffix(".py"), Path(folder, *parts, "__init__.py")):
            if file.is_file():
                return file
    return None


def _used(tree: ast.Module, name: str) -> Iterator[Defined]:
    """Yield the named definition, the whole class of a method, and the module's own that these name, each once."""
    defined = {one.name: one for one in tree.body if isinstance(one, Defined)}
    waiting, seen = [name.partition(".")[0]], set()
    while waiting:
        if (one := waiting.pop()) in seen or one not in defined:
            continue
        seen.add(one)
        yield defined[one]
        waiting += [node.id for node in ast.walk(defined[one]) if isinstance(node, ast.Name)]
