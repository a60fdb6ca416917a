"""Tables that a program reads with pandas and that are not here: each column that its files name has the texts."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sad.judge.callers import asking, bound, program
from sad.judge.records import column

READS = ("read_csv", "read_parquet", "read_json", "read_table", "read_pickle", "read_excel", "read_feather")
ROWS = re.compile(r"\w*df\w*|\w*frame|\w*rows?|r|data|\w*(example|sample|item|record)")
"""The names of tables, and of their rows."""


def stands(texts: Sequence[str]) -> Iterator[tuple[Any, str, Any]]:
    """Go through what reads tables: the place, the name and what stands there. None where pandas is not imported."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return

    def reader(real: Callable[..., Any]) -> Callable[..., Any]:
        def read(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - a table
            if asking() is None:
                return real(*given, **named)
            try:
                return real(*given, **named)
            except Exception:
                if given and isinstance(given[0], str | Path) and Path(given[0]).is_file():
                    raise
                names = dict.fromkeys(
                    ["text", *(one for module in program().modules for one in columns(module.__file__ or ""))]
                )
                kept = [one for one in names if not hasattr(pandas.DataFrame, one)]
                return pandas.DataFrame({name: [column(name, one) for one in texts] for name in kept})

        return read

    yield from bound("pandas", {name: reader(getattr(pandas, name)) for name in READS if hasattr(pandas, name)})


@cache
def columns(file: str) -> list[str]:
    """Return the names of columns that a file of Python speaks of: `row["text"]`, `df[["a", "b"]]`, `row.text`."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            words = (one.value for one in ast.walk(node.slice) if isinstance(one, ast.Constant))
            found |= {one: None for one in words if isinstance(one, str) and one}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and ROWS.fullmatch(node.value.id):
            found[node.attr] = None
    return list(found)
