"""The page of the record, made from the one list of its names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import sad_doctor.names

_INTRODUCTION = """# The record

What `sad train` and `sad_doctor.Recorder` write, and what every foreign log is read into. Generated from
`sad_doctor/names.py` by `sad pages`: edit it, not this file. How to read a line of it: [the ledger](ledger.md).

A run's folder holds three files. All are strict JSON in UTF-8, but that a number which is not finite is written as the
string `"NaN"`, `"Infinity"` or `"-Infinity"`; a reader that finds half a last line waits for the rest.

| file | what is in it |
|---|---|
| `metrics.jsonl` | one object a logged step: `step`, `time`, and any of the columns below |
| `events.jsonl` | one object an event: `time`, `kind`, `step` where it has one, and `message` |
| `run.json` | one object: the facts of the run |
"""

_TITLES = {
    "columns": ("Columns", "A name that ends in `…` is a column for each term of the loss, or each part."),
    "facts": ("Facts", "Keys of `run.json`, and what a reader finds out of a foreign log."),
    "events": ("Events", "Values of `kind`. What a foreign log says in prose is read into the same."),
}


_ROLE = re.compile(r":data:`(\w+)`")


class Name(NamedTuple):
    """A name as it is written, its kind (columns, facts or events) and the sentence under it."""

    kind: str
    written: str
    meaning: str


def record_markdown() -> str:
    """Return ``docs/record.md``: a table of the columns, one of the facts, one of the events."""
    every = list(written())
    parts = [_INTRODUCTION]
    for kind, (title, introduction) in _TITLES.items():
        rows = [f"| `{one.written}` | {one.meaning} |" for one in every if one.kind == kind]
        parts += ["\n".join([f"## {title}\n", f"{introduction}\n", "| name | meaning |", "|---|---|", *rows, ""])]
    return "\n".join(parts)


def written() -> Iterator[Name]:
    """Yield the names of the record in the order of their file; a constant without a sentence under it is none."""
    body = ast.parse(Path(sad_doctor.names.__file__).read_text(encoding="utf-8")).body
    for node, after in pairwise(body):
        match node, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                meaning = " ".join(meaning.replace("Prefix: ", "", 1).split()).replace("|", "\\|")
                meaning = _ROLE.sub(lambda role: f"`{getattr(sad_doctor.names, role[1])}`", meaning).replace("``", "`")
                kind = (
                    "events" if name.startswith("EVENT_") else "columns" if "/" in text or name == "TIME" else "facts"
                )
                yield Name(kind, f"{text}…" if text.endswith("/") else text, meaning)
