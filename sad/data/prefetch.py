"""Makes what the next steps need while the step before is computed. The results are the same with and without."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Prefetched(Generic[Made]):
    """Yields ``make(step)`` for each step from ``start`` up to, and without, ``stop``, in order.

    A thread is up to ``ahead`` steps in front; with 0 each step is made when it is asked for. ``make`` must be a
    function of the step alone. What it raises is raised where its step is asked for. A context: the thread ends
    with it. ``waited`` are the seconds that the caller has waited for data.
    """

    def __init__(self, make: Callable[[int], Made], start: int, stop: int, ahead: int) -> None:
        self._make, self._steps, self._ahead = make, range(start, stop), ahead
        self._ready: queue.Queue[tuple[Made | None, BaseException | None]] = queue.Queue(max(1, ahead))
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.waited = 0.0

    def __enter__(self) -> Prefetched[Made]:
        if self._ahead and len(self._steps):
            self._thread = threading.Thread(target=self._work, name="sad-prefetch", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is None:
            return
        # the thread may wait for room in the queue: room for one item lets it see that it is to end
        with suppress(queue.Empty):
            self._ready.get_nowait()
        self._thread.join()

    def __iter__(self) -> Iterator[Made]:
        for step in self._steps:
            started = time.perf_counter()
            made = self._make(step) if self._thread is None else self._taken()
            self.waited += time.perf_counter() - started
            yield made

    def _taken(self) -> Made:
        made, error = self._ready.get()
        if error is not None:
            raise error
        # the other side of a pair without an error
        return made  # type: ignore[return-value]

    def _work(self) -> None:
        for step in self._steps:
            try:
                found: tuple[Made | None, BaseException | None] = self._make(step), None
            except BaseException as error:
                found = None, error
            self._ready.put(found)
            if self._ended.is_set() or found[1] is not None:
                return
