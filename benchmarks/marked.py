"""Loads modules with a mark at the head of each function: it tells that the function is entered, and can end it there.

A function that is ended returns None, a generator yields nothing. A mark costs one call, where a trace of the whole
process costs one for each call of every library. Processes that are started from this one mark theirs too: one that is
forked has the marks, one that is started anew finds ``started/sitecustomize.py`` on its path.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

MARK = "__entered__"
"""The name under which every module finds :meth:`Marks.enter`."""
VARIABLE = "SAD_MARKS"
"""What tells the processes that are started from this one what to mark: JSON of the fields of :class:`Marks`."""
STARTED = Path(__file__).resolve().parent / "started"
Def = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Marks(MetaPathFinder):
    """The marks of all modules below ``code``, a file or a folder, that are imported from now on."""

    root: Path
    code: Path
    entered: set[str] = field(default_factory=set)
    away: str = ""
    """The function that is taken away, as ``file:qualified name``; the empty string for none."""
    told: Path | None = None
    """The file that hears of what other processes enter, a line each."""

    def __post_init__(self) -> None:
        setattr(builtins, MARK, self.enter)
        sys.meta_path.insert(0, self)

    def enter(self, key: str) -> bool:
        """Note that a function is entered; return whether it is to end there."""
        if key not in self.entered:
            self.entered.add(key)
            if self.told is not None:
                with self.told.open("a", encoding="utf-8") as file:
                    file.write(f"{key}\n")
        return key == self.away

    def heard(self) -> set[str]:
        """Return what was entered since this was last asked, here and in the processes that were started from here."""
        found = set(self.entered)
        self.entered.clear()
        if self.told is not None and self.told.is_file():
            found |= set(self.told.read_text(encoding="utf-8").splitlines())
            self.told.unlink()
        return found

    def share(self, told: Path | None, away: str = "") -> None:
        """Let ``told`` hear of what is entered from now on and take ``away``, in processes started from here too."""
        self.told, self.away = told, away
        given = {"root": str(self.root), "code": str(self.code), "away": away, "told": str(told or "")}
        os.environ[VARIABLE] = json.dumps(given)
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [str(STARTED), *(one for one in paths if one not in ("", str(STARTED)))]
        )

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


def follow(given: str) -> Marks:
    """Mark what the process that started this one told in :data:`VARIABLE`."""
    read = json.loads(given)
    told = Path(read["told"]) if read["told"] else None
    return Marks(Path(read["root"]), Path(read["code"]), away=read["away"], told=told)


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
