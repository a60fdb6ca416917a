"""Reads files and folders, and tells what the rules see in them."""

from __future__ import annotations

import os
import stat
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sad.errors import UserError
from sad.source.code import Code
from sad.source.rule import Level, SourceRule
from sad.source.rules import rules

LARGEST = 2_000_000
"""Bytes of a file, above which it is no code that someone wrote."""
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
    """Read files and whole folders. Raises UserError where there is no such path, or no Python file in it that can be
    read.
    """
    places: list[Place] = []
    skipped: list[str] = []
    count = 0
    for path in paths:
        files = list(_files(path))
        if not files:
            raise UserError(f"--source {path}: there is no Python file in it: name one, or a folder of them")
        for file in files:
            try:
                text = _text(file)
                places += of_text(text, str(file))
            except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
                skipped.append(f"{file}: {error}")
            else:
                count += 1
    if not count:
        raise UserError(f"--source: no file could be read: {skipped[0]}")
    return Reading(count, tuple(places), tuple(skipped))


def of_text(text: str, path: str, chosen: Iterable[SourceRule] | None = None) -> list[Place]:
    """Return what the rules see in one file's text, from above to below. Raises SyntaxError where it is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in someone's strings
        code = Code(text, path)
    found = set()
    for rule in rules() if chosen is None else chosen:
        for sight in rule.look(code):
            line, column = getattr(sight.at, "lineno", 1), getattr(sight.at, "col_offset", 0) + 1
            if not code.ignored(line, rule.code):
                found.add(Place(path, line, column, rule.code, rule.name, rule.level, sight.says))
    return sorted(found, key=lambda one: (one.line, one.column, one.code, one.says))


def _text(file: Path) -> str:
    told = file.stat()
    if not stat.S_ISREG(told.st_mode):
        raise ValueError("no ordinary file")  # a pipe would keep the reader waiting
    if told.st_size > LARGEST:
        raise ValueError(f"{told.st_size:,} bytes, more than the {LARGEST:,} that are read of a source")
    with tokenize.open(file) as opened:  # in the encoding that it says it has
        return opened.read()


def _files(path: Path) -> Iterator[Path]:
    """Yield the Python files of a path, in order; of a folder not what is hidden or installed."""
    if path.suffix == ".ipynb" and path.is_file():
        raise UserError(
            f"--source {path}: a notebook is no Python: give what `jupyter nbconvert --to script` makes of it"
        )
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
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))
