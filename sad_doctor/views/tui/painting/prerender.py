"""Lays out and paints what nobody has looked at yet, piece by piece, while nobody presses a key.

The first look at a page takes twice as long as the next one: its rows are made, wrapped and painted then. Here that is
done before, each piece in less than a frame, once for each size, theme and run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual.app import App
from textual.timer import Timer

WAIT = 0.15
"""Seconds between two pieces."""


class Prerenderer:
    """Works through pieces; ``resting`` tells whether nobody presses a key."""

    def __init__(self, app: App[None], resting: Callable[[], bool]) -> None:
        self._app, self._resting = app, resting
        self._pieces: Iterator[object] = iter(())
        self._timer: Timer | None = None
        self._done: object = None

    def begin(self, state: object, pieces: Callable[[], Iterator[object]]) -> None:
        """Do the ``pieces``, one at each step of the iterator, unless they were begun for the same ``state``."""
        if state == self._done:
            return
        self._done, self._pieces = state, pieces()
        if self._timer is None:
            self._timer = self._app.set_interval(WAIT, self._turn)
        self._timer.resume()

    def _turn(self) -> None:
        if self._resting() and not self.step() and self._timer is not None:
            self._timer.pause()

    def step(self) -> bool:
        """Do the next piece; False when there is none."""
        return next(self._pieces, self) is not self
