"""The code of a Jupyter notebook: its cells as one text, and which line is of which cell."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

MAGIC = re.compile(r"^([ \t]*)(?:%%?\w.*|!(?!=).*|\?.*|[\w.]+\?\??[ \t]*)$", re.MULTILINE)
"""Lines that are for the notebook and no Python: ``%matplotlib inline``, ``!pip install``, ``thing?``."""
TIMED = re.compile(r"%%(time|timeit|capture|prun)\b")
"""Cells of Python below a line of magic; below any other, such as ``%%bash``, is another language."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """``code`` of all cells; ``starts``: of each cell the first line in it and its number; cells that are no Python."""

    code: str
    starts: tuple[tuple[int, int], ...]
    broken: tuple[str, ...]

    def placed(self, line: int) -> tuple[int, int]:
        """Return the cell that a line of the code is of, and which line of it, both from 1 on."""
        first, number = next(one for one in reversed(self.starts) if one[0] <= line)
        return number, line - first + 1


def notebook_of(text: str) -> Notebook:
    """Take the code out of a notebook's JSON; cells are numbered from the top, texts among them.

    Raises ValueError where it is no notebook.
    """
    whole = json.loads(text)
    cells = whole.get("cells") if isinstance(whole, dict) else None
    if not isinstance(cells, list):
        raise ValueError('no notebook that can be read: it has no list of "cells"')
    lines, parts, starts, broken = 0, [], [], []
    for number, cell in enumerate(cells, 1):
        part = _code(cell)
        try:
            ast.parse(part)
        except (SyntaxError, ValueError) as error:
            broken.append(f"cell {number}: {error}")
            continue
        starts.append((lines + 1, number))
        parts.append(part)
        lines += part.count("\n") + 1
    return Notebook("\n".join(parts), tuple(starts), tuple(broken))


def _code(cell: Any) -> str:  # noqa: ANN401 - whatever the file holds
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return ""
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if text.startswith("%%") and not TIMED.match(text):
        return ""
    # a line that does nothing, so that a block of magics alone stays one
    return MAGIC.sub(r"\1pass", text)
