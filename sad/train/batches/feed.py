"""The micro-batches of each step for one process, made ahead, and cut where the memory is too small for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import TracebackType

from accelerate import Accelerator

from sad.align.reader import Ints
from sad.batch import Batch
from sad.data import Pools, Schedule
from sad.data.prefetch import Prefetched
from sad.train.plan import Plan

EVER = 2**31
"""More steps than any run takes."""


class Feed:
    """Gives the batches of a step, while those of the next ones are made. A context: the thread ends with it.

    For a GPU they lie where it can copy from while the program goes on.
    """

    def __init__(self, plan: Plan, schedule: Schedule, accelerator: Accelerator) -> None:
        self._plan, self._schedule, self._process = plan, schedule, accelerator.process_index
        self._pinned = accelerator.device.type == "cuda"
        self._ahead: Prefetched[list[Batch]] | None = None
        self._batches: Iterator[list[Batch]] = iter(())
        self._next: tuple[int, int] | None = None
        self._left = threading.Event()

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if self._ahead is not None:
            self._ahead.__exit__(kind, error, trace)

    def take(self, step: int, cuts: int) -> list[Batch]:
        """Return the micro-batches of a step, each in ``cuts`` pieces. Raises what making them raises."""
        if self._next != (step, cuts):
            self._begin(step, cuts)
        self._next = step + 1, cuts
        return next(self._batches)

    def _begin(self, first: int, cuts: int) -> None:
        """Start again at another step or micro-batch size: what was made ahead is of no use."""
        self.__exit__(None, None, None)
        left = self._left = threading.Event()

        def make(step: int) -> list[Batch]:
            if isinstance(self._schedule, Pools):
                # a stream may hang: whoever takes another step meanwhile must not wait for it
                self._schedule.wait(step, left.is_set)
                if left.is_set():
                    return []
            mine, most = (self._schedule.rows(step, process) for process in (self._process, 0))
            size = self._plan.recipe.train.batch_size
            batches = [self._plan.batch(rows) for rows in cut(mine, most, size, cuts)]
            return [one.pinned() for one in batches] if self._pinned else batches

        # a run that goes back passes over batches, so the last step is not known
        self._ahead = Prefetched(make, first, first + EVER, self._plan.recipe.train.prefetch).__enter__()
        self._batches = iter(self._ahead)


def cut(mine: Sequence[list[Ints]], most: Sequence[list[Ints]], size: int, cuts: int) -> list[list[Ints]]:
    """Return micro-batches of at most ``size // cuts`` rows, in the same order, as many on every process.

    ``size`` is the recipe's; ``most`` are the first process's, which has at least as many rows as any. Where a process
    has fewer, an empty one stands in.
    """
    if cuts == 1:
        return list(mine)
    smaller = max(1, size // cuts)
    pieces, wanted = (
        [m[i : i + smaller] for m in some for i in range(0, max(1, len(m)), smaller)] for some in (mine, most)
    )
    return pieces + [[] for _ in range(len(wanted) - len(pieces))]
