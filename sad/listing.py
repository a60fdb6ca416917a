"""A list of names in one line: the nearest to what was asked for first, and not all of a long list."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 8


def listed(names: Iterable[str], wanted: str = "") -> str:
    """Join names by commas: at most ``MOST``, then "and N more"; of more, those spelled most like ``wanted`` first."""
    every = [str(name) for name in names]
    if wanted and len(every) > MOST:
        # sorting is stable: names that are equally far keep their order
        every.sort(key=lambda name: -difflib.SequenceMatcher(None, wanted.casefold(), name.casefold()).ratio())
    rest = len(every) - MOST
    return ", ".join(every[:MOST]) + (f" and {rest} more" if rest > 0 else "")
