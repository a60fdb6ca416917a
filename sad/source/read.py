"""Reads files and folders, and tells what the rules see in them."""

from __future__ import annotations

import os
import stat
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sad.errors import UserError
from sad.source.code import Code
from sad.source.notebook import notebook_of
from sad.source.rule import Level, SourceRule
from sad.source.rules import rules

LARGEST = 2_000_000
"""Bytes of a file, above which it is no code that someone wrote."""
NOTEBOOK = ".ipynb"
LARGEST_NOTEBOOK = 50_000_000
"""Bytes of a notebook, which holds the pictures that it drew."""
NOT_YOURS = {"site-packages", "dist-packages", "node_modules", "__pycache__", "build", "dist"}
"""Folders of other people's code, and of copies."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, and what a rule says of it."""

    path: str
    line: int
    column: int
    code: str
    name: str
    level: Level
    says: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: ``skipped`` are files that could not be, each with the reason."""

    files: int
    places: tuple[Place, ...]
    skipped: tuple[str, ...]

    @property
    def wrong(self) -> bool:
        """Whether a line is wrong however it is used."""
        return any(one.level is Level.WRONG for one in self.places)


def read(paths: Sequence[Path]) -> Reading:
    """Read files and whole folders. Raises UserError where there is no such path, or no Python file in it."""
    places: list[Place] = []
    skipped: list[str] = []
    count = 0
    for path in paths:
        files = list(_files(path))
        if not files:
            raise UserError(
                f"--source {path}: there is no Python file and no notebook in it: name one, or a folder of them"
            )
        for file in files:
            try:
                text = _text(file)
                if file.suffix == NOTEBOOK:
                    seen, broken = _of_notebook(text, str(file))
                    places += seen
                    skipped += broken
                else:
                    places += of_text(text, str(file))
            except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
                skipped.append(f"{file}: {error}")
            else:
                count += 1
    return Reading(count, tuple(places), tuple(skipped))


def of_text(text: str, path: str, chosen: Iterable[SourceRule] | None = None) -> list[Place]:
    """Return what the rules see in one file's text, from above to below. Raises SyntaxError where it is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in someone's strings
        code = Code(text, path, formed=True)
    found = set()
    for rule in rules() if chosen is None else chosen:
        for sight in rule.look(code):
            line, column = getattr(sight.at, "lineno", 1), getattr(sight.at, "col_offset", 0) + 1
            if not code.ignored(line, rule.code):
                found.add(Place(path, line, column, rule.code, rule.name, sight.level or rule.level, sight.says))
    return sorted(found, key=lambda one: (one.line, one.column, one.code, one.says))


def _of_notebook(text: str, path: str) -> tuple[list[Place], list[str]]:
    """Return what is seen in the cells of a notebook, each as a file of its own name, and the cells left out."""
    whole = notebook_of(text)
    seen = [(one, *whole.placed(one.line)) for one in of_text(whole.code, path)]
    told = [replace(one, path=f"{path}: cell {cell}", line=line) for one, cell, line in seen]
    return told, [f"{path}: {one}" for one in whole.broken]


def _text(file: Path) -> str:
    told, most = file.stat(), LARGEST if file.suffix != NOTEBOOK else LARGEST_NOTEBOOK
    if not stat.S_ISREG(told.st_mode):
        raise ValueError("no ordinary file")  # a pipe would keep the reader waiting
    if told.st_size > most:
        raise ValueError(f"{told.st_size:,} bytes, more than the {most:,} that are read of a source")
    if file.suffix == NOTEBOOK:
        return file.read_text(encoding="utf-8-sig")
    with tokenize.open(file) as opened:  # in the encoding that it says it has
        return opened.read()


def _files(path: Path) -> Iterator[Path]:
    """Yield the Python files and notebooks of a path, in order; of a folder not what is hidden or installed."""
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise UserError(f"--source: there is no file or folder {path}")
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(one for one in folders if one not in NOT_YOURS and not one.startswith("."))
        if "pyvenv.cfg" in names:
            folders[:] = []
            continue
        yield from (Path(folder, name) for name in sorted(names) if name.endswith((".py", NOTEBOOK)))
