"""A row that costs little until somebody asks something of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.segment import Segment
from textual.cache import FIFOCache
from textual.strip import Strip

_CACHES = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}
"""The caches of a strip with the sizes that Textual gives them."""


class LazyStrip(Strip):
    """A strip whose caches are made when they are wanted.

    Textual makes seven with each strip, of which most rows of a chart never use more than one: to make them, and to
    collect them as garbage, takes longer than what is done with the row.
    """

    __slots__ = ()

    def __init__(self, segments: Iterable[Segment], cell_length: int | None = None) -> None:
        self._segments = list(segments)
        self._cell_length = cell_length
        self._render_cache = self._link_ids = self._cell_count = None

    def __getattr__(self, name: str) -> FIFOCache[Any, Any]:
        """Make a cache that is not there yet."""
        if name not in _CACHES:
            raise AttributeError(name)
        made: FIFOCache[Any, Any] = FIFOCache(_CACHES[name])
        setattr(self, name, made)
        return made
