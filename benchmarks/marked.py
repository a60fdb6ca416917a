"""Loads modules with a mark at the head of each function: it tells that the function is entered, and can end it there.

A function that is ended returns None, a generator yields nothing. A mark costs one call, where a trace of the whole
process costs one for each call of every library.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

MARK = "__entered__"
"""The name under which every module finds :meth:`Marks.enter`."""
Def = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Marks(MetaPathFinder):
    """The marks of all modules below ``code``, a file or a folder, that are imported from now on."""

    root: Path
    code: Path
    entered: set[str] = field(default_factory=set)
    away: str = ""
    """The function that is taken away, as ``file:qualified name``; the empty string for none."""

    def __post_init__(self) -> None:
        setattr(builtins, MARK, self.enter)
        sys.meta_path.insert(0, self)

    def enter(self, key: str) -> bool:
        """Note that a function is entered; return whether it is to end there."""
        self.entered.add(key)
        return key == self.away

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as ever, and mark it if it is one of ours."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        file = Path(spec.origin).resolve()
        if file != self.code and self.code not in file.parents:
            return None
        spec.loader = _Loader(fullname, spec.origin, file.relative_to(self.root).as_posix())
        return spec


class _Loader(SourceFileLoader):
    """Compiles without the cache of byte code, which is for the module as it is written."""

    def __init__(self, fullname: str, path: str, key: str) -> None:
        super().__init__(fullname, path)
        self.key = key

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.get_filename(fullname)))
        _mark(tree, f"{self.key}:")
        # the marks are part of a line of the function, for whoever reads where an error is
        code: CodeType = compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)
        return code


def _mark(node: ast.Module | ast.ClassDef, prefix: str) -> None:
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            _mark(child, f"{prefix}{child.name}.")
        elif isinstance(child, Def):
            first = ast.parse(f"if {MARK}({prefix + child.name!r}): return").body[0]
            described = ast.get_docstring(child, clean=False) is not None
            at = child.body[min(int(described), len(child.body) - 1)]
            for part in ast.walk(first):
                ast.copy_location(part, at)
            child.body.insert(int(described), first)
