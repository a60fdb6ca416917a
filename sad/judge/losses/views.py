"""Losses of several views of the same examples: they compare students with each other, and none has a teacher."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sad.judge.names import TWO_VIEWS

COUNTS = re.compile(r"^(num|n)_(splits?|views?|crops|augmentations)$")
"""Names of how many views of each example are in a batch."""


def two_views(names: Iterable[str]) -> str:
    """Name two parameters that are views of the same examples, '' where there are none."""
    found = next((sorted(views & set(names)) for views in TWO_VIEWS if len(views & set(names)) > 1), [])
    return " and ".join(found[:2])


def cut_in_views(text: str, names: Iterable[str]) -> str:
    """Name the setting by which a source cuts its batch into views, '' where there is none."""
    counts = (name for name in names if COUNTS.search(name))
    return next((n for n in counts if re.search(rf"\b{n}\b", text) and re.search(r"\b(split|chunk)\(", text)), "")
