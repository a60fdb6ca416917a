"""A stream of windows that have nothing but a length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sad.data.stream import Streamed


class Listed(Streamed):
    """Does not know where it ends before it was asked for more. ``asked`` is the most that it was asked for."""

    def __init__(self, sizes: list[int]) -> None:
        self.every, self.asked = np.array(sizes, dtype=np.int64), 0
        self.known = False

    def need(self, windows: int, _until: Callable[[], bool] = lambda: False) -> int:
        self.asked = max(self.asked, windows)
        self.known |= windows > len(self.every)
        return min(windows, len(self.every))

    @property
    def size(self) -> int | None:
        return len(self.every) if self.known else None

    def sizes(self, first: int, stop: int) -> tuple[Any, Any]:
        assert stop <= self.asked, "it is not there yet"
        return self.every[first:stop], self.every[first:stop]
